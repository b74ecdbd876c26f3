// A request as a tool makes it of its arguments, and what is true of its method (RFC 9110).
import type { Json, JsonObject } from '../../src/core/json.ts';

export const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
export type Method = (typeof METHODS)[number];

export interface RequestPlan {
  readonly method: Method;
  /** Throws BackendError, with words for the agent, for a value that cannot stand where it is wanted. */
  build(args: JsonObject): BuiltRequest;
}

export interface BuiltRequest {
  /** Below the backend's own path, encoded. */
  readonly path: string;
  /** `name=value`, encoded. */
  readonly query: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  /** Sent as JSON; undefined for none. */
  readonly body: Json | undefined;
}

/** It asks for nothing to be changed. */
export function isSafe(method: Method): boolean {
  return method === 'GET' || method === 'HEAD';
}

/** Sending it twice does no more than sending it once. */
export function isIdempotent(method: Method): boolean {
  return isSafe(method) || method === 'PUT' || method === 'DELETE';
}
