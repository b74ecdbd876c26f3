// Secrets by their published forms: the prefixes that providers give their keys so that scanners find them, PEM private
// keys, JSON web tokens, URLs and connection strings with a password. Pure.
// Sources: the providers' own pages on token formats; RFC 7468 (PEM), RFC 7519 (JWT), RFC 3986 section 3.2.1 (userinfo).
import type { Detector } from './detector.ts';

const FORMS: readonly RegExp[] = [
  // PEM: everything up to its end, or to the end of the text where it was cut off.
  /-----BEGIN (?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)?-----(?:(?!-----END)[^]){0,65536}(?:-----END [A-Z0-9 ]{0,40}-----)?/,
  /AGE-SECRET-KEY-1[A-Z0-9]{58}/,
  // JWS and JWE in compact form: the header is a JSON object.
  /\beyJ[\w-]{8,8192}\.[\w-]{2,8192}(?:\.[\w-]{0,8192}){1,3}/,
  // Passwords in URLs and connection strings.
  /\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s:@/?#"'<>]{0,200}:[^\s@/?#"'<>]{1,200}@/i,
  /\b(?:password|pwd|accountkey|sharedaccesskey)\s{0,3}=\s{0,3}[^\s;"'&,]{4,200}/i,
  // Cloud and service keys.
  /\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b/,
  /\bgh[pousr]_[A-Za-z0-9]{36,251}\b/,
  /\bgithub_pat_\w{22,255}\b/,
  /\bgl(?:pat|dt|rt|ptt|soat|cbt)-[\w-]{20,64}/,
  /\bxox[abeoprs](?:\.xox[a-z])?-[\w-]{10,250}/,
  /\bxapp-\d-[\w-]{10,250}/,
  /https:\/\/hooks\.slack\.com\/(?:services|workflows)\/[\w/]{20,80}/,
  /\b[rs]k_(?:live|test)_[A-Za-z0-9]{10,99}\b/,
  /\bwhsec_[A-Za-z0-9+/=]{16,99}/,
  /\bAIza[\w-]{35}/,
  /\bya29\.[\w-]{20,300}/,
  /\bGOCSPX-[\w-]{28}/,
  /\bsk-(?:ant-|proj-|svcacct-|admin-)?[\w-]{20,200}/,
  /\bhf_[A-Za-z]{34}\b/,
  /\bnpm_[A-Za-z0-9]{36}\b/,
  /\bpypi-AgE[\w-]{50,250}/,
  /\bdop_v1_[a-f0-9]{64}\b/,
  /\bdapi[a-f0-9]{32}\b/,
  /\bSG\.[\w-]{22}\.[\w-]{43}/,
  /\bkey-[a-f0-9]{32}\b/,
  /\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}\b/,
  /\bhv[sb]\.[\w-]{24,300}/,
  /\b(?:lin_api|sntrys|pat|glsa|nvapi|rubygems|tfp)_[\w-]{32,200}/,
  /\b\d{8,10}:AA[\w-]{33}\b/,
];

const HINTS = [
  '-----BEGIN ',
  'AGE-SECRET-KEY-1',
  'eyJ',
  'A[KSBC][IC]A[A-Z2-7]{16}',
  'gh[pousr]_',
  'github_pat_',
  'gl(?:pat|dt|rt|ptt|soat|cbt)-',
  'xox[abeoprs]',
  'xapp-',
  'hooks\\.slack',
  '[rs]k_(?:live|test)_',
  'whsec_',
  'AIza',
  'ya29\\.',
  'GOCSPX-',
  'sk-',
  'hf_',
  'npm_',
  'pypi-AgE',
  'dop_v1_',
  'dapi',
  'SG\\.',
  'key-[a-f0-9]',
  'shp(?:at|ca|pa|ss)_',
  'hv[sb]\\.',
  '(?:lin_api|sntrys|pat|glsa|nvapi|rubygems|tfp)_',
  ':AA[\\w-]{33}',
];

/** `i` cannot be set on one alternative alone: letters are written out in both cases instead. */
function source({ source: text, flags }: RegExp): string {
  if (!flags.includes('i')) return text;
  return text.replace(/\\.|\[[^\]]*\]|[a-z]/g, (part) => {
    if (part.length === 1) return `[${part}${part.toUpperCase()}]`;
    return part.startsWith('[') && !part.startsWith('[^') ? part.replaceAll('a-z', 'a-zA-Z') : part;
  });
}

/** `pwd=` and four characters. */
const SHORTEST = 8;

/** Apart, because engines find a set of plain prefixes many times faster than anything less plain. */
const PREFIXES = new RegExp(HINTS.join('|'));
const USERINFO = /:\/\/[^\s:@/?#"'<>]*:[^\s@/?#"'<>]+@/;
const ASSIGNMENT = /(?:password|pwd|key)\s{0,3}=/i;

export const SECRETS: Detector = {
  name: 'secrets',
  label: '[secret]',
  mayHold: (_, text) =>
    text.length >= SHORTEST &&
    (PREFIXES.test(text) ||
      (text.includes('://') && USERINFO.test(text)) ||
      (text.includes('=') && ASSIGNMENT.test(text))),
  pattern: new RegExp(FORMS.map(source).join('|'), 'g'),
};
