// Cookies that only brokers of this deployment can make or read: JSON Web Encryption (RFC 7516) by jose, with an expiry
// inside, so that nothing about a session is kept anywhere else. Pure but for the initialisation vector.
import { EncryptJWT, jwtDecrypt } from 'jose';
import type { Clock } from '../core/clock.ts';
import type { JsonObject } from '../core/json.ts';

/** Browsers keep cookies up to this size, name and attributes included (RFC 6265bis, section 5.6). */
const MAX_COOKIE_BYTES = 4_096;

export interface CookieOptions {
  /** Also what its content is bound to: one cookie's value is no other's. */
  readonly name: string;
  /** The origin that it is for. */
  readonly publicUrl: string;
  /** 32 bytes. */
  readonly key: Uint8Array;
  readonly maxAgeS: number;
  readonly clock: Clock;
}

export interface SealedCookie {
  /** The `Set-Cookie` header that carries `content`; undefined where it would be too large for a browser to keep. */
  write(content: JsonObject): Promise<string | undefined>;
  /** What a request brings back; undefined where there is none, or it is too old, or it was not made here. */
  read(cookies: string | undefined): Promise<JsonObject | undefined>;
  /** The `Set-Cookie` header that ends it. */
  clear(): string;
}

export function sealedCookie({ name, publicUrl, key, maxAgeS, clock }: CookieOptions): SealedCookie {
  const secure = publicUrl.startsWith('https:');
  // `__Host-`: no other host, and no page before TLS, can have set it. On loopback without TLS browsers refuse the prefix.
  const fullName = `${secure ? '__Host-' : ''}sallyport-${name}`;
  const attributes = `Path=/; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`;
  return {
    async write(content) {
      const now = Math.floor(clock.now() / 1000);
      const sealed = await new EncryptJWT({ content })
        .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
        .setIssuer(publicUrl)
        .setAudience(name)
        .setIssuedAt(now)
        .setExpirationTime(now + maxAgeS)
        .encrypt(key);
      const header = `${fullName}=${sealed}; ${attributes}; Max-Age=${maxAgeS}`;
      return header.length > MAX_COOKIE_BYTES ? undefined : header;
    },
    async read(cookies) {
      const sealed = cookieNamed(fullName, cookies);
      if (sealed === undefined) return undefined;
      try {
        const { payload } = await jwtDecrypt(sealed, key, {
          issuer: publicUrl,
          audience: name,
          currentDate: new Date(clock.now()),
          contentEncryptionAlgorithms: ['A256GCM'],
          keyManagementAlgorithms: ['dir'],
          requiredClaims: ['exp'],
        });
        return payload['content'] as JsonObject;
      } catch {
        return undefined;
      }
    },
    clear: () => `${fullName}=; ${attributes}; Max-Age=0`,
  };
}

function cookieNamed(name: string, cookies: string | undefined): string | undefined {
  const found = cookies?.split(';').find((cookie) => cookie.trimStart().startsWith(`${name}=`));
  return found?.trimStart().slice(name.length + 1);
}
