// How long `serve` takes until it can serve, and what it holds in memory when nothing is asked of it.
// Run: node bench/start.ts [--rounds N] [--program dist/src/main.js], after `npm run build` for the program as it is installed.
// Linux alone says what a process holds (/proc).
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startPostgres } from '../src/demo/embedded-postgres.ts';
import { prepareShop } from '../src/demo/shop-postgres.ts';
import { startGuarded } from './guarded.ts';
import { quantile } from './load.ts';

/** By then nothing is left over of the start. */
const IDLE_MS = 5_000;
const TOOL = { name: 'find_customer', sql: 'select id, plan from customers where email = :email', parameter: 'email' };

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, program: { type: 'string', default: 'src/main.ts' } },
});

const starts: number[] = [];
const resident: number[] = [];
await using postgres = await startPostgres();
const shop = await prepareShop(postgres.adminUrl(), { database: 'shop' });
for (let round = 0; round < Number(values.rounds); round += 1) {
  const scratch = mkdtempSync(join(tmpdir(), 'sallyport-bench-'));
  try {
    await using guarded = await startGuarded(shop, TOOL, scratch, values.program);
    starts.push(guarded.readyMs);
    await delay(IDLE_MS);
    const status = await readFile(`/proc/${String(guarded.pid)}/status`, 'utf8');
    resident.push(Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1_000);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
const median = (figures: number[]): string =>
  quantile(
    figures.toSorted((a, b) => a - b),
    0.5,
  ).toFixed(0);
console.log(
  `${values.program}: serve to ready ${median(starts)} ms, idle ${median(resident)} MB (medians of ${starts.length})`,
);
