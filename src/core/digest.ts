// The digest of a call: what an approval binds to, and how an identical call is recognised.
import { createHmac, type KeyObject } from 'node:crypto';
import { canonicalJson } from './canonical-json.ts';
import type { Json } from './json.ts';
import type { Invocation } from './invocation.ts';
import type { Tool } from './tool.ts';

type Definitions = readonly { readonly id: string; readonly definitionHash: string }[];

/**
 * What a grant covers, as HMAC-SHA-256 (hex): like the digest of a call, of the session too, and of the named arguments alone.
 *
 * @param same names of the arguments that must stay as they are
 */
export function grantScope(
  key: KeyObject,
  invocation: Invocation,
  tool: Tool,
  rules: Definitions,
  same: readonly string[],
): string {
  const { principal, session, arguments: args } = invocation;
  const { issuer, subject, actor } = principal;
  const definitions = definitionsOf(tool, rules);
  // An argument that is left out stays left out: it has no pair here.
  const kept = same.flatMap((name): Json[] => (Object.hasOwn(args, name) ? [[name, args[name] ?? null]] : []));
  const text = canonicalJson({ grant: { issuer, subject, actor, session, tool: tool.name, same: kept, definitions } });
  return createHmac('sha256', key).update(text).digest('hex');
}

/**
 * HMAC-SHA-256 (hex) under the deployment's key over the canonical JSON (RFC 8785) of who calls what with which arguments,
 * under which definitions. Keyed, so that it says nothing about guessable arguments; without the token's own claims, so that
 * a refreshed token still matches.
 */
export function callDigest(key: KeyObject, invocation: Invocation, tool: Tool, rules: Definitions): string {
  const { issuer, subject, actor } = invocation.principal;
  const definitions = definitionsOf(tool, rules);
  const text = canonicalJson({ issuer, subject, actor, tool: tool.name, arguments: invocation.arguments, definitions });
  return createHmac('sha256', key).update(text).digest('hex');
}

/** With the backend as its references stand: a yes to a call of one database is none to the same call of another. */
function definitionsOf({ definitionHash, backend }: Tool, rules: Definitions): readonly string[] {
  const hashes = rules.map((rule) => rule.definitionHash);
  return [definitionHash, backend.definitionHash, backend.resolvedHash.reveal(), ...hashes];
}
