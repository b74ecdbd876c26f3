// What all the doors together add to a statement whose result is 10 KB: warm lease, no approval, one call after the other.
// Beside it, in turn, the same statement on a plain connection. Run: node bench/doors.ts [--rounds N] [--seconds N]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { startPostgres } from '../src/demo/embedded-postgres.ts';
import { prepareShop } from '../src/demo/shop-postgres.ts';
import { startGuarded } from './guarded.ts';
import { measure, quantile, type Figures } from './load.ts';

const TOOL = {
  name: 'notes',
  sql: "select id, :email as email, '+33 6 12 34 56 78' as phone, repeat('a note ', 18) as note from generate_series(1, 50) id",
  parameter: 'email',
};
const EMAIL = 'ada@example.com';
const WARM_UP_SECONDS = 3;

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, seconds: { type: 'string', default: '4' } },
});

type Latencies = Pick<Figures, 'p50' | 'p99'>;

async function plain(client: pg.Client, seconds: number): Promise<Latencies> {
  const query = { name: 'notes', text: TOOL.sql.replace(':email', '$1::text'), values: [EMAIL] };
  const times: number[] = [];
  const startedAt = performance.now();
  while (performance.now() < startedAt + seconds * 1_000) {
    const sentAt = performance.now();
    await client.query(query);
    times.push(performance.now() - sentAt);
  }
  times.sort((a, b) => a - b);
  return { p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
}

const scratch = mkdtempSync(join(tmpdir(), 'sallyport-bench-'));
try {
  await using postgres = await startPostgres();
  const shop = await prepareShop(postgres.adminUrl(), { database: 'shop' });
  await using guarded = await startGuarded(shop, TOOL, scratch);
  const target = {
    name: 'Sallyport',
    url: guarded.url,
    pid: guarded.pid,
    headers: guarded.callers.map((caller) => ({ 'MCP-Protocol-Version': '2025-06-18', ...caller })),
    message: { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: TOOL.name, arguments: { email: EMAIL } } },
    expect: 'a note',
  };
  const client = new pg.Client(postgres.adminUrl());
  await client.connect();
  await measure(target, 1, WARM_UP_SECONDS);
  await plain(client, 1);
  const figures: { guarded: Latencies; plain: Latencies }[] = [];
  for (let round = 0; round < Number(values.rounds); round += 1) {
    const seconds = Number(values.seconds);
    figures.push({ plain: await plain(client, seconds), guarded: await measure(target, 1, seconds) });
  }
  await client.end();
  const median = (pick: (round: (typeof figures)[number]) => number): number =>
    quantile(
      figures.map(pick).sort((a, b) => a - b),
      0.5,
    );
  for (const q of ['p50', 'p99'] as const) {
    const [call, query] = [median((round) => round.guarded[q]), median((round) => round.plain[q])];
    const added = (call - query).toFixed(2);
    console.log(`${q}   guarded ${call.toFixed(2)} ms   plain ${query.toFixed(2)} ms   added ${added} ms`);
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
