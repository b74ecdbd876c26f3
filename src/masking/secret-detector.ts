// Secrets by their published forms: the prefixes that providers give their keys so that scanners find them, PEM private
// keys, JSON web tokens, URLs and connection strings with a password. Pure.
// Sources: the providers' own pages on token formats; RFC 7468 (PEM), RFC 7519 (JWT), RFC 3986 section 3.2.1 (userinfo).
//
// Secretlint's recommended rules find nothing that these forms do not: test/unit/masking/kept-secret-rules.test.ts holds
// that for each pattern of theirs. They are not run here. They are made for files that nobody wrote against them: they pass
// over what looks like a placeholder, tell of some secrets a place that is not the secret's, run one pattern after
// the other, and nothing says that the patterns of a later version do not backtrack.
import type { Detector } from './detector.ts';

const FORMS: readonly RegExp[] = [
  // PEM: everything up to its end, or to the end of the text where it was cut off.
  /-----BEGIN ?(?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)?-----(?:(?!-----END)[^]){0,65536}(?:-----END[A-Z0-9 ]{0,40}-----)?/,
  /AGE-SECRET-KEY-1[A-Z0-9]{58}/,
  // JWS and JWE in compact form: the header is a JSON object.
  /\beyJ[\w-]{8,8192}\.[\w-]{2,8192}(?:\.[\w-]{0,8192}){1,3}/,
  // Passwords in URLs and connection strings.
  /https?:\/\/.{1,256}:x-oauth-basic@/,
  /(?:mongodb(?:\+srv)?|mysqlx?|postgres(?:ql)?):\/\/[^\s:/]{1,100}:[^\s@/]{1,200}@/i,
  /(?:\b[a-z][a-z0-9+.-]{1,20})?:\/\/[^\s:@/?#"'<>]{0,256}:[^\s@/?#"'<>]{1,256}@/i,
  /\b(?:password|pwd|accountkey|sharedaccesskey)\s{0,3}=\s{0,3}[^\s;"'&,]{4,200}/i,
  /secret_?access_?key["']?\s*(?:=>|[:=])\s*["']?[a-z0-9/+=]{40}/i,
  /_authToken=[^$].*/,
  // Cloud and service keys.
  /\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b/,
  /(?<![A-Za-z])gh[pousr]_\w{36,255}/,
  /(?<![A-Za-z])github_pat_\w{22,255}/,
  /(?<![A-Za-z])gl(?:pat|dt|rt|ptt|soat|cbt)-[\w-]{20,255}/,
  /(?<![A-Za-z])xox[abeoprs](?:\.xox[a-z])?-[\w-]{3,8192}/,
  /(?<![A-Za-z])xapp-[\w-]{3,8192}/,
  /https:\/\/hooks\.slack\.com\/(?:services|workflows)\/[\w/]{7,255}/i,
  /\b[rs]k_(?:live|test)_[A-Za-z0-9]{10,99}\b/,
  /\bwhsec_[A-Za-z0-9+/=]{16,99}/,
  /\bAIza[\w-]{35}/,
  /\bya29\.[\w-]{20,300}/,
  /\bGOCSPX-[\w-]{28}/,
  /sk-[\w-]{20,85}T3BlbkFJ[\w-]{20,80}/,
  /(?<![A-Za-z])sk-(?:ant-|proj-|svcacct-|admin-)?[\w-]{20,200}/,
  /(?<![A-Za-z])gsk_[A-Za-z0-9]{52}/,
  /(?<![A-Za-z])hf_[A-Za-z]{34}/,
  /(?<![A-Za-z])npm_\w{36}/,
  /\bpypi-AgE[\w-]{50,250}/,
  /\bdop_v1_[a-f0-9]{64}\b/,
  /(?<![A-Za-z])dapi[A-Fa-f0-9]{32}(?:-\d)?/,
  /(?<![A-Za-z])dckr_pat_[\w-]{27}/,
  /(?<![A-Za-z])SG\.(?=[\w.-]{66})[\w-]{1,63}\.[\w-]{2,64}/,
  /\bkey-[a-f0-9]{32}\b/,
  /(?<![A-Za-z])shp(?:at|ca|pa|ss)_[A-Za-z0-9]{32,64}/,
  /(?<![A-Za-z])hv[sbr]\.[\w-]{24,300}/,
  /(?<![A-Za-z])(?:lin_api|sntrys|pat|glsa|nvapi|rubygems|tfp|figd)_[\w-]{32,200}/,
  /(?<![A-Za-z])glc_[A-Za-z0-9+/]{32,400}={0,2}/,
  /(?<![A-Za-z])ntn_\d{11}[A-Za-z0-9]{35}/,
  /(?<![A-Za-z])ops_ey[A-Za-z0-9+/=]{100,8192}/,
  /(?<![A-Za-z])vc[aikpr]_[A-Za-z0-9]{20,60}/,
  /\b\d{8,10}:AA[\w-]{33}\b/,
];

const HINTS = [
  '-----BEGIN',
  'AGE-SECRET-KEY-1',
  'eyJ',
  'A[KSBC][IC]A[A-Z2-7]{16}',
  'gh[pousr]_',
  'github_pat_',
  'gl(?:pat|dt|rt|ptt|soat|cbt)-',
  'xox[abeoprs]',
  'xapp-',
  '[rs]k_(?:live|test)_',
  'whsec_',
  'AIza',
  'ya29\\.',
  'GOCSPX-',
  'sk-',
  'gsk_',
  'hf_',
  'npm_',
  'pypi-AgE',
  'dop_v1_',
  'dapi',
  'dckr_pat_',
  'SG\\.',
  'key-[a-f0-9]',
  'shp(?:at|ca|pa|ss)_',
  'hv[sbr]\\.',
  '(?:lin_api|sntrys|pat|glsa|nvapi|rubygems|tfp|figd)_',
  'glc_',
  'ntn_\\d',
  'ops_ey',
  'vc[aikpr]_',
  '(?:SECRET|[Ss]ecret)_?(?:ACCESS|[Aa]ccess)_?(?:KEY|[Kk]ey)',
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
const IN_URLS = /:\/\/[^\s:/]*:[^\s@/]+@|:x-oauth-basic@|:\/\/hooks\.slack/i;
const ASSIGNMENT = /(?:password|pwd|key|_authToken)\s{0,3}=/i;

export const SECRETS: Detector = {
  name: 'secrets',
  label: '[secret]',
  mayHold: (_, text) =>
    text.length >= SHORTEST &&
    (PREFIXES.test(text) ||
      (text.includes('://') && IN_URLS.test(text)) ||
      (text.includes('=') && ASSIGNMENT.test(text))),
  pattern: new RegExp(FORMS.map(source).join('|'), 'g'),
};
