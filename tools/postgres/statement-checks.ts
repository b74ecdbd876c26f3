// What a tool's statement may be: one that reads or changes rows, and never one that ends or alters the transaction it
// runs in. Pure; works on the tree of libpg-query.
import type { Node } from 'libpg-query';

const READS = new Set(['SelectStmt']);
const WRITES = new Set(['InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt', 'CallStmt']);

/** They undo what the broker has set for the transaction, or act on other sessions. */
const FORBIDDEN_FUNCTIONS = new Set(['set_config', 'pg_terminate_backend', 'pg_cancel_backend', 'pg_reload_conf']);

interface Found {
  readonly functions: readonly string[];
  /** `location` is in bytes of UTF-8. */
  readonly problems: readonly { readonly location?: number; readonly message: string; readonly hint?: string }[];
}

/** What a statement is for: `look` is one that changes nothing, as a tool that is read-only; `preview` is the look ahead of another. */
export type StatementUse = 'change' | 'look' | 'preview';

const LOOKS = {
  look: { because: 'the tool is declared readOnly', instead: 'leave readOnly out, or write a SELECT' },
  preview: { because: 'a preview only looks', instead: 'write a SELECT that tells what the tool would change' },
} as const;

export function inspectStatement(statement: Node, use: StatementUse): Found {
  const look = use === 'change' ? undefined : LOOKS[use];
  const functions = new Set<string>();
  const problems: { location?: number; message: string; hint?: string }[] = [];
  const kind = Object.keys(statement)[0] ?? '';
  if (!READS.has(kind) && !WRITES.has(kind)) {
    const message = `a tool's SQL is one SELECT, VALUES, INSERT, UPDATE, DELETE, MERGE or CALL; this is ${described(kind)}`;
    return { functions: [], problems: [{ location: 0, message }] };
  }

  function visit(node: unknown, location: number | undefined): void {
    if (Array.isArray(node)) {
      for (const item of node) visit(item, location);
      return;
    }
    if (typeof node !== 'object' || node === null) return;
    const here = 'location' in node && typeof node.location === 'number' ? node.location : location;
    for (const [key, value] of Object.entries(node)) {
      if (look !== undefined && WRITES.has(key)) {
        const message = `${look.because}, and this changes data`;
        problems.push({ ...at(firstLocation(value) ?? here), message, hint: look.instead });
      }
      if (look !== undefined && key === 'lockingClause') {
        const message = `${look.because}, and FOR UPDATE or FOR SHARE locks rows`;
        problems.push({ ...at(here), message });
      }
      if (key === 'intoClause') {
        problems.push({ ...at(firstLocation(value) ?? here), message: 'SELECT INTO makes a table; a tool may not' });
      }
      if (key === 'FuncCall') noteFunction(value as { funcname?: unknown[]; location?: number });
      visit(value, here);
    }
  }

  function noteFunction(call: { funcname?: unknown[]; location?: number }): void {
    const last = call.funcname?.at(-1) as { String?: { sval?: string } } | undefined;
    const name = last?.String?.sval ?? '';
    functions.add(name);
    if (FORBIDDEN_FUNCTIONS.has(name)) problems.push({ ...at(call.location), message: `a tool may not call ${name}` });
  }

  visit(statement, 0);
  return { functions: [...functions], problems };
}

function at(location: number | undefined): { location?: number } {
  return location === undefined ? {} : { location };
}

function firstLocation(node: unknown): number | undefined {
  if (typeof node !== 'object' || node === null) return undefined;
  if ('location' in node && typeof node.location === 'number') return node.location;
  for (const value of Object.values(node)) {
    const found = firstLocation(value);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** `TransactionStmt` → `a TRANSACTION statement`. */
function described(kind: string): string {
  const words = kind.replace(/Stmt$/, '').replace(/([a-z])([A-Z])/g, '$1 $2');
  return `a ${words.toUpperCase()} statement`;
}
