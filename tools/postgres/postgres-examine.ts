// `check --connect`: asks the database about the statements, without running one.
import { randomBytes } from 'node:crypto';
import { jsonpath } from 'json-p3';
import pg from 'pg';
import { untilAborted } from '../../src/core/deadline.ts';
import { didYouMean } from '../../src/core/nearest.ts';
import type { ProblemPlace } from '../../src/core/problem.ts';
import { Secret } from '../../src/core/secret.ts';
import type { ExaminedBackend } from '../tool-kind.ts';
import { readNamedSql, type NamedSql } from './named-sql.ts';
import { cut, withLogin } from './postgres-connections.ts';
import { backendError } from './postgres-errors.ts';
import { prepare, type Column } from './postgres-flight.ts';
import type { PostgresBackend, PostgresTool } from './postgres-kind.ts';
import { explaining } from './postgres-plan.ts';
import type { StatementUse } from './statement-checks.ts';

type Examined = ExaminedBackend<PostgresBackend, PostgresTool>;
type ExaminedTool = Examined['tools'][number];

const CONNECT_TIMEOUT_MS = 5_000;

/** Volatile for Postgres, and harmless: they give another answer each time, and do nothing. */
const HARMLESS = new Set(['random', 'clock_timestamp', 'timeofday', 'gen_random_uuid', 'uuidv4', 'uuidv7', 'pg_sleep']);

/**
 * Describes each statement as a lease would see it: under a static login, or in a transaction that makes a role like the
 * lease's, takes it on, and is rolled back. Nothing but parsing, planning and the checks of grants happens.
 */
export async function examinePostgres(examined: Examined, signal: AbortSignal): Promise<void> {
  const { backend, credential, report } = examined;
  const login = leaseMaker(credential?.options) ?? staticLogin(credential?.options);
  if (login === undefined) return; // A credential of another kind is examined by its provider alone.
  const client = new pg.Client({
    connectionString: withLogin(backend.options.url, login.user, login.password),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    application_name: 'sallyport check',
  });
  client.on('error', () => undefined);
  const address = `${backend.name} at ${new URL(backend.options.url).host}`;
  try {
    await untilAborted(client.connect(), signal);
    await client.query('begin');
    await client.query('set local plan_cache_mode = force_generic_plan');
    if (login.memberOf !== undefined) await untilAborted(becomeLease(client, login.memberOf), signal);
    for (const tool of examined.tools) await untilAborted(examineTool(client, tool), signal);
  } catch (error) {
    if (signal.aborted) throw error;
    report.error({ path: ['url'] }, backendError(error, address).detail);
  } finally {
    if (signal.aborted) cut(client);
    await client.end().catch(() => undefined); // Without a commit, nothing of it stays.
  }
}

interface Login {
  readonly user: string;
  readonly password: string;
  /** What a lease is a member of; undefined where it is the login itself. */
  readonly memberOf: readonly string[] | undefined;
}

/** What the provider `static` hands out. */
function staticLogin(options: unknown): Login | undefined {
  if (typeof options !== 'object' || options === null || !('user' in options) || !('password' in options))
    return undefined;
  const { user, password } = options;
  if (typeof user !== 'string' || !(password instanceof Secret)) return undefined;
  return { user, password: password.reveal(), memberOf: undefined };
}

/** What the provider `postgres-role` makes leases with. */
function leaseMaker(options: unknown): Login | undefined {
  if (typeof options !== 'object' || options === null || !('admin' in options) || !('memberOf' in options))
    return undefined;
  if (!(options.admin instanceof Secret) || !Array.isArray(options.memberOf)) return undefined;
  const { username, password } = new URL(options.admin.reveal());
  return {
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    memberOf: options.memberOf.filter((group) => typeof group === 'string'),
  };
}

async function becomeLease(client: pg.Client, memberOf: readonly string[]): Promise<void> {
  const role = `sallyport_check_${randomBytes(6).toString('hex')}`;
  const groups = memberOf.map((group) => pg.escapeIdentifier(group)).join(', ');
  await client.query(
    `create role ${role} nologin in role ${groups};
     grant ${role} to current_user;
     set local role ${role};`,
  );
}

async function examineTool(client: pg.Client, { declared, masks, report }: ExaminedTool): Promise<void> {
  const { declaration, annotations } = declared;
  const told = (error: unknown): string => backendError(error, declared.backend.name).detail;
  const examine = (source: string, use: StatementUse, path: readonly string[]) =>
    examineStatement(client, { source, use, path }, report, told);
  const columns = await examine(declaration.sql, annotations.readOnly ? 'look' : 'change', ['sql']);
  const { preview } = declaration;
  const shown = preview === undefined ? [] : await examine(preview.sql, 'preview', ['preview', 'sql']);
  if (columns === undefined || shown === undefined) return;
  for (const mask of masks) examineMask(mask, [...columns, ...shown], report);
}

/** @returns its columns; undefined where the server refuses it, which is reported at `path` */
async function examineStatement(
  client: pg.Client,
  { source, use, path }: { source: string; use: StatementUse; path: readonly string[] },
  report: ExaminedTool['report'],
  told: (error: unknown) => string,
): Promise<readonly Column[] | undefined> {
  const { sql } = readNamedSql(source, use);
  if (sql === undefined) return undefined;
  await client.query('savepoint tool');
  try {
    const { columns, parameters } = await prepare(client, [{ name: 'examined', text: sql.text }]);
    if (!sql.isCall) await client.query(explaining('examined', parameters.length));
    examineColumns(columns, path, report);
    if (use !== 'change') await examineFunctions(client, sql.functions, path, report);
    return columns;
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    report.error(placeOf(error, sql, path), told(error));
    return undefined;
  } finally {
    await client.query('rollback to tool').catch(() => undefined);
    await client.query('deallocate all').catch(() => undefined);
  }
}

/** The server counts characters from 1. */
function placeOf(error: pg.DatabaseError, sql: NamedSql, path: readonly string[]): ProblemPlace {
  if (error.position === undefined) return { path };
  const before = [...sql.text].slice(0, Number(error.position) - 1).join('');
  return { path, offset: sql.origin(before.length) };
}

function examineColumns(columns: readonly Column[], path: readonly string[], report: ExaminedTool['report']): void {
  const names = columns.map((column) => column.name);
  for (const name of new Set(names.filter((name, index) => names.indexOf(name) < index))) {
    report.error({ path }, `two columns of the result are called ${name}`, 'name them apart with AS');
  }
}

/** `$.rows[*].emial`: a mask for a column that does not exist would hide nothing. */
function examineMask(
  mask: ExaminedTool['masks'][number],
  columns: readonly Column[],
  report: ExaminedTool['report'],
): void {
  const [top, , column] = jsonpath.compile(mask.path).segments.map(namesOf);
  const place = { path: mask.place };
  for (const name of top ?? []) {
    if (['rows', 'rowCount', 'truncated'].includes(name)) continue;
    report.error(place, `a result has rows, rowCount and truncated, and no ${name}`, 'columns are at $.rows[*].NAME');
  }
  if (top?.includes('rows') !== true) return;
  const names = columns.map(({ name }) => name);
  for (const name of column ?? []) {
    if (names.includes(name)) continue;
    const hint = didYouMean(name, names) ?? `it has ${names.join(', ')}`;
    report.error(place, `the statement gives no column ${name}, so this mask would hide nothing`, hint);
  }
}

/** The names that a segment of children selects; undefined for one that reaches deeper, or selects by anything else. */
function namesOf(segment: { selectors: readonly object[] }): readonly string[] | undefined {
  if (segment.constructor.name.includes('Descent') || segment.constructor.name.includes('Descendant')) return undefined;
  const names = segment.selectors.map((selector) =>
    'name' in selector && typeof selector.name === 'string' ? selector.name : undefined,
  );
  return names.every((name) => name !== undefined) ? names : undefined;
}

async function examineFunctions(
  client: pg.Client,
  functions: readonly string[],
  path: readonly string[],
  report: ExaminedTool['report'],
): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    `select proname as name from pg_proc where proname = any($1::name[]) and pg_function_is_visible(oid)
     group by proname having bool_and(provolatile = 'v')`,
    [functions.filter((name) => !HARMLESS.has(name))],
  );
  for (const { name } of rows) {
    const message = `this may change nothing, and calls ${name}, which is volatile: it may act on more than tables`;
    report.warning({ path }, message, 'make sure that it changes nothing, or do without it');
  }
}
