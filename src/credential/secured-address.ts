// Where a secret may be sent.

/** https, or http on loopback, where there is nobody else. */
export function isSecuredAddress(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname } = new URL(text);
  return protocol === 'https:' || (protocol === 'http:' && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname));
}
export const SECURED_ADDRESS =
  "expected https\nhttp is for loopback addresses alone: a secret sent there could be anybody's";
