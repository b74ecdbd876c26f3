// `npm run bench`: one guarded single-row SQL call with every door on, against an unguarded peer that serves the same SQL.
// Rounds alternate between the two, so that both see the same machine; figures are medians over the rounds.
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startPostgres } from '../src/demo/embedded-postgres.ts';
import { prepareShop } from '../src/demo/shop-postgres.ts';
import { startGuarded, type Guarded } from './guarded.ts';
import { measure, quantile, type Figures, type Target } from './load.ts';
import { startToolbox } from './toolbox.ts';

const TOOL = {
  name: 'find_customer',
  sql: 'select id, name, email, phone, card_number, plan from customers where email = :email',
  parameter: 'email',
};
const MESSAGE = {
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name: TOOL.name, arguments: { email: 'ada@example.com' } },
};
const PROTOCOL = { 'MCP-Protocol-Version': '2025-06-18' };
const WARM_UP_SECONDS = 2;
const DOOR_SAMPLES = 2_000;

const { values } = parseArgs({
  options: {
    connections: { type: 'string', default: '1,16,64' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '4' },
    peer: { type: 'boolean', default: true },
    json: { type: 'boolean', default: false },
  },
  allowNegative: true,
});
const connections = values.connections.split(',').map(Number);

interface Row {
  readonly connections: number;
  readonly guarded: Figures;
  readonly peer?: Figures;
  /** Milliseconds, by door: medians and 99th percentiles of the calls of the last round. */
  readonly doors: Readonly<Record<string, { p50: number; p99: number }>>;
}

const scratch = mkdtempSync(join(tmpdir(), 'sallyport-bench-'));
const rows: Row[] = [];
try {
  await using postgres = await startPostgres();
  const shop = await prepareShop(postgres.adminUrl(), { database: 'shop' });
  await using guarded = await startGuarded(shop, TOOL, scratch);
  const superuser = new URL(postgres.adminUrl());
  superuser.pathname = '/shop';
  await using toolbox = values.peer ? await startToolbox(superuser, TOOL, scratch) : undefined;

  const ours: Target = {
    name: 'Sallyport',
    url: guarded.url,
    pid: guarded.pid,
    headers: guarded.callers.map((caller) => ({ ...PROTOCOL, ...caller })),
    message: MESSAGE,
    expect: 'Ada Marsh',
  };
  const theirs = toolbox && { ...ours, name: 'MCP Toolbox', url: toolbox.url, pid: toolbox.pid, headers: [PROTOCOL] };
  for (const target of [ours, theirs]) if (target) await measure(target, 16, WARM_UP_SECONDS);
  for (const count of connections) rows.push(await compare(count, ours, theirs, guarded));
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
process.stdout.write(
  values.json ? `${JSON.stringify({ cpus: cpus().length, node: process.version, rows })}\n` : table(rows),
);

async function compare(count: number, ours: Target, theirs: Target | undefined, guarded: Guarded): Promise<Row> {
  const seconds = Number(values.seconds);
  const mine: Figures[] = [];
  const others: Figures[] = [];
  for (let round = 0; round < Number(values.rounds); round += 1) {
    if (theirs) others.push(await measure(theirs, count, seconds));
    mine.push(await measure(ours, count, seconds));
  }
  const doors = Object.entries(await guarded.doors(DOOR_SAMPLES)).map(([door, times]) => {
    const sorted = times.toSorted((a, b) => a - b);
    return [door, { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) }] as const;
  });
  return {
    connections: count,
    guarded: medians(mine),
    ...(theirs && { peer: medians(others) }),
    doors: Object.fromEntries(doors),
  };
}

function medians(figures: readonly Figures[]): Figures {
  const middle = (pick: (figure: Figures) => number): number =>
    quantile(
      figures.map(pick).toSorted((a, b) => a - b),
      0.5,
    );
  return {
    callsPerSecond: middle((f) => f.callsPerSecond),
    p50: middle((f) => f.p50),
    p99: middle((f) => f.p99),
    cpuUs: middle((f) => f.cpuUs),
  };
}

function table(all: readonly Row[]): string {
  const line = (...cells: readonly string[]): string => cells.map((cell) => cell.padStart(12)).join('') + '\n';
  const figures = (name: string, count: number, { callsPerSecond, p50, p99, cpuUs }: Figures, ratio = ''): string =>
    name.padEnd(12) +
    line(String(count), callsPerSecond.toFixed(0), p50.toFixed(2), p99.toFixed(2), cpuUs.toFixed(0), ratio);
  let text = `\n${' '.repeat(12)}${line('connections', 'calls/s', 'p50 ms', 'p99 ms', 'cpu µs', 'ratio')}`;
  for (const { connections: count, guarded, peer } of all) {
    const ratio = peer && (guarded.callsPerSecond / peer.callsPerSecond).toFixed(2);
    text += figures('sallyport', count, guarded, ratio);
    if (peer) text += figures('mcp-toolbox', count, peer);
  }
  text += '\nms at each door (median, 99th percentile)\n';
  for (const { connections: count, doors } of all) {
    text += `at ${String(count)} connection${count === 1 ? '' : 's'}\n`;
    for (const [door, { p50, p99 }] of Object.entries(doors))
      text += `  ${door.padEnd(12)}${line(p50.toFixed(3), p99.toFixed(3))}`;
  }
  return text;
}
