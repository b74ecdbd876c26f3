// The deployment's keys, as the doors hold them. Read from files by src/store/keys.ts.
import type { KeyObject } from 'node:crypto';

export interface Keys {
  /** HMAC-SHA-256 over an invocation: what an approval binds to. */
  readonly digest: KeyObject;
  /** Seals payloads. */
  readonly payload: KeyRing;
  /** HMAC-SHA-256 of the `hash` mask. */
  readonly hashMask: KeyObject;
  /** HMAC-SHA-256 that makes tokens of values. Never rotated: equal values would have different tokens. */
  readonly tokenDerivation: KeyObject;
  /** Seals the values behind tokens. */
  readonly tokenSealing: KeyRing;
  /** Ed25519: the first signs checkpoints, the others have signed before. */
  readonly checkpoint: CheckpointKeys;
}

/** Keys by id; the current one seals, each opens. The id is the first eight hex digits of the key's SHA-256. */
export interface KeyRing {
  readonly current: string;
  readonly keys: ReadonlyMap<string, KeyObject>;
}

export type CheckpointKeys = readonly [SigningKey, ...VerifyingKey[]];

export interface VerifyingKey {
  readonly publicKey: KeyObject;
}

export interface SigningKey extends VerifyingKey {
  readonly privateKey: KeyObject;
}
