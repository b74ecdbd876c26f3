// The kinds of backend this broker speaks to. A new kind is one folder beside this file, and one line in it.
import { httpKind } from './http/http-kind.ts';
import { postgresKind } from './postgres/postgres-kind.ts';
import type { ToolKind } from './tool-kind.ts';

export const TOOL_KINDS: readonly ToolKind[] = [postgresKind, httpKind];
