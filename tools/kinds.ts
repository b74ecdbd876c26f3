// The kinds of backend this broker speaks to. A new kind is one folder beside this file, and one line in it.
import { httpKind } from './http/http-kind.ts';
import { createMcpKind } from './mcp/mcp-kind.ts';
import { postgresKind } from './postgres/postgres-kind.ts';
import type { ToolKind } from './tool-kind.ts';

/** A set for each broker: a kind may remember what it saw of its backends. */
export function toolKinds(): readonly ToolKind[] {
  return [postgresKind, httpKind, createMcpKind()];
}
