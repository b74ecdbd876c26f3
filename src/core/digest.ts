// The digest of a call: what an approval binds to, and how an identical call is recognised.
import { createHmac, type KeyObject } from 'node:crypto';
import { canonicalJson } from './canonical-json.ts';
import type { Invocation } from './invocation.ts';
import type { Tool } from './tool.ts';

/**
 * HMAC-SHA-256 (hex) under the deployment's key over the canonical JSON (RFC 8785) of who calls what with which arguments,
 * under which definitions. Keyed, so that it says nothing about guessable arguments; without the token's own claims, so that
 * a refreshed token still matches.
 */
export function callDigest(
  key: KeyObject,
  invocation: Invocation,
  tool: Tool,
  rules: readonly { readonly id: string; readonly definitionHash: string }[],
): string {
  const { issuer, subject, actor } = invocation.principal;
  const definitions = [tool.definitionHash, tool.backend.definitionHash, ...rules.map((rule) => rule.definitionHash)];
  const text = canonicalJson({ issuer, subject, actor, tool: tool.name, arguments: invocation.arguments, definitions });
  return createHmac('sha256', key).update(text).digest('hex');
}
