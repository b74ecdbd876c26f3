// The private key that a client of an OAuth issuer signs with (private_key_jwt), as operators have it: PEM or JWK.
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { importPKCS8 } from 'jose';

export interface SigningKey {
  readonly key: Awaited<ReturnType<typeof importPKCS8>>;
  /** Of a JWK that says so. */
  readonly kid: string | undefined;
}

const CURVES: Readonly<Record<string, string>> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' };

export function isSigningKey(text: string): boolean {
  try {
    return algorithmOf(read(text).key) !== undefined;
  } catch {
    return false;
  }
}

/** @param text one that `isSigningKey` */
export async function signingKey(text: string): Promise<SigningKey> {
  const { key, kid, alg = algorithmOf(key) } = read(text);
  if (alg === undefined) throw new TypeError('no algorithm signs with this key');
  return { key: await importPKCS8(key.export({ type: 'pkcs8', format: 'pem' }).toString(), alg), kid };
}

function read(text: string): { key: KeyObject; kid?: string | undefined; alg?: string | undefined } {
  if (!text.trimStart().startsWith('{')) return { key: createPrivateKey(text) };
  const jwk = JSON.parse(text) as { kid?: string; alg?: string };
  return { key: createPrivateKey({ key: jwk, format: 'jwk' }), kid: jwk.kid, alg: jwk.alg };
}

function algorithmOf({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): string | undefined {
  if (type === 'rsa') return 'RS256';
  if (type === 'rsa-pss') return 'PS256';
  if (type === 'ed25519') return 'Ed25519';
  return type === 'ec' ? CURVES[details?.namedCurve ?? ''] : undefined;
}
