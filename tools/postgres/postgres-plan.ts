// The plan of a statement, as steps of a transaction: a plain EXPLAIN, which runs nothing.
import type pg from 'pg';
import type { NamedSql } from './named-sql.ts';
import type { Step } from './postgres-flight.ts';
import { prepareOn } from './postgres-statements.ts';

/**
 * For this transaction alone. A generic plan speaks of `$1`: with the values in their places, it would tell approvers what is
 * masked of the arguments, and what stands behind tokens.
 */
const GENERIC_PLAN = "select set_config('plan_cache_mode', 'force_generic_plan', true)";

export async function planOf(
  client: pg.ClientBase,
  { text }: NamedSql,
): Promise<{ readonly steps: readonly Step[]; readonly lines: readonly string[] }> {
  const generic = await prepareOn(client, GENERIC_PLAN);
  const { name, parameters } = await prepareOn(client, text);
  const explain = await prepareOn(client, explaining(name, parameters.length));
  const lines: string[] = [];
  const onRow = ([line]: readonly (string | null)[]): void => void lines.push(line ?? '');
  return { steps: [{ statement: generic.name }, { statement: explain.name, onRow }], lines };
}

/** @param name of a prepared statement; its parameters are of no account to a generic plan */
export function explaining(name: string, parameters: number): string {
  const nulls = parameters === 0 ? '' : `(${Array.from({ length: parameters }, () => 'null').join(', ')})`;
  return `explain execute ${name}${nulls}`;
}
