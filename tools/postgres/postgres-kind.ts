// The tool kind `postgres`: a named SQL statement as a tool.
import { z } from 'zod';
import type { JsonSchema } from '../../src/core/json.ts';
import type { Report } from '../../src/core/problem.ts';
import type { ToolKind } from '../tool-kind.ts';
import { MAX_SQL_CHARACTERS, readNamedSql, type NamedSql, type ReadSql } from './named-sql.ts';
import { callStatement, type Statement } from './postgres-call.ts';
import { examinePostgres } from './postgres-examine.ts';
import type { StatementUse } from './statement-checks.ts';

const backend = z.strictObject({
  url: z
    .string()
    .refine(isDatabaseUrl, 'expected postgres://HOST/DATABASE, with TLS and other connection options after a `?`')
    .refine(carriesNoLogin, 'the url carries a login; leave it out: each lease logs in with its own')
    .describe(
      'Host, database and TLS of the database: postgres://HOST/DATABASE?sslmode=verify-full. It carries no login.',
    )
    .meta({ examples: ['postgres://db.example.com/shop'] }),
});

const tool = z.strictObject({
  sql: z
    .string()
    .min(1)
    .max(MAX_SQL_CHARACTERS)
    .describe(
      'One statement. `:name` is a bound parameter, one for each input; a value never becomes part of the text.',
    ),
  preview: z
    .strictObject({
      sql: z
        .string()
        .min(1)
        .max(MAX_SQL_CHARACTERS)
        .describe('One SELECT over the same inputs: "3 orders, 412.50 EUR in total".'),
    })
    .optional()
    .describe('What approvers are shown of a call before it is made, with the plan of its statement. Never runs it.'),
});

export type PostgresBackend = z.output<typeof backend>;
export type PostgresTool = z.output<typeof tool>;

export const postgresKind: ToolKind<PostgresBackend, PostgresTool> = {
  kind: 'postgres',
  backend,
  tool,
  credentials: ['postgres-role', 'vault', 'static'],

  compile(declared, report) {
    const { name, declaration, input, annotations, limits } = declared;
    const inputs = Object.keys(input.properties);
    const { sql, uses } = readChecked(
      declaration.sql,
      annotations.readOnly ? 'look' : 'change',
      ['sql'],
      inputs,
      report,
    );
    const preview =
      declaration.preview && readChecked(declaration.preview.sql, 'preview', ['preview', 'sql'], inputs, report).sql;
    for (const parameter of inputs) {
      if (sql !== undefined && !uses.has(parameter)) {
        report.error(
          { path: ['input', parameter], atKey: true },
          `the SQL does not use :${parameter}`,
          'use it, or remove the input',
        );
      }
    }
    if (sql === undefined) return [];
    const { readOnly } = annotations;
    const statement = { backend: declared.backend.name, url: declared.backend.options.url, sql, readOnly, limits };
    const required = Object.keys(input.properties).filter((parameter) => !input.optional.includes(parameter));
    return [
      {
        name,
        inputSchema: { type: 'object', properties: input.properties, required, additionalProperties: false },
        outputSchema: OUTPUT_SCHEMA,
        call: (call) => callStatement(statement, call),
        ...(preview && { preview: (call) => callStatement(previewOf(statement, preview), call) }),
      },
    ];
  },

  examine: examinePostgres,
};

/** The statement, and whether its parameters are inputs of the tool: what is wrong is reported at `path`. */
function readChecked(
  source: string,
  use: StatementUse,
  path: readonly string[],
  inputs: readonly string[],
  report: Report,
): Pick<ReadSql, 'sql' | 'uses'> {
  const { sql, uses, problems } = readNamedSql(source, use);
  for (const { offset, message, hint } of problems) report.error({ path, offset }, message, hint);
  for (const [parameter, offset] of uses) {
    if (inputs.includes(parameter)) continue;
    report.error({ path, offset }, `:${parameter} is no input of the tool`, `declare ${parameter} under input`);
  }
  return { sql, uses };
}

/** CALL has no plan. */
function previewOf({ sql: explained, ...statement }: Statement, sql: NamedSql): Statement {
  return { ...statement, sql, readOnly: true, ...(explained.isCall ? {} : { explained }) };
}

/** Columns are known to the database alone, and may change there: rows are promised, what is in them is not. */
const OUTPUT_SCHEMA: JsonSchema = {
  type: 'object',
  properties: {
    rows: { type: 'array', items: { type: 'object' } },
    rowCount: {
      type: 'integer',
      minimum: 0,
      description: 'Rows found or changed; of a truncated result, those shown.',
    },
    truncated: { type: 'boolean', description: 'There are more rows than are shown.' },
  },
  required: ['rows', 'rowCount'],
};

function isDatabaseUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, pathname, searchParams } = new URL(text);
  const addressed = hostname !== '' || (searchParams.get('host') ?? '') !== '';
  return /^postgres(ql)?:$/.test(protocol) && addressed && pathname.length > 1;
}

/** node-postgres takes a login from the query too, and prefers that. */
function carriesNoLogin(text: string): boolean {
  if (!URL.canParse(text)) return true;
  const { username, password, searchParams } = new URL(text);
  return username === '' && password === '' && !searchParams.has('user') && !searchParams.has('password');
}
