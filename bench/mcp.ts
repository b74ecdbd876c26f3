// What the kind `mcp` adds to a call: the same tool of the same upstream process, called directly with the SDK's client and
// through the kind, in turns. Run with: node bench/mcp.ts
import { parseArgs } from 'node:util';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { callUpstreamTool, openUpstream, serverCommand } from '../test/support/upstream.ts';

const { values } = parseArgs({ options: { calls: { type: 'string', default: '2000' } } });
const calls = Number(values.calls);
/** Calls of one way before it is the other's turn, so that what else the machine does hits both. */
const TURN = 100;

const [command = '', ...args] = serverCommand('upstream-v2.ts');
const client = new Client({ name: 'bench', version: '1' }, { versionNegotiation: { mode: 'auto' } });
await client.connect(new StdioClientTransport({ command, args, stderr: 'ignore' }));
await client.listTools();
await using upstream = await openUpstream({ command: [command, ...args] });
const lease = upstream.lease();
const tool = upstream.tool('echo');
const value = 'x'.repeat(1_000);

const ways = {
  direct: { call: () => client.callTool({ name: 'echo', arguments: { value } }), ms: [] as number[] },
  kind: { call: () => callUpstreamTool(tool, lease, { value }), ms: [] as number[] },
};
for (const way of Object.values(ways)) for (let warm = 0; warm < 300; warm++) await way.call();
for (let done = 0; done < calls; done += TURN) {
  for (const way of Object.values(ways)) {
    for (let turn = 0; turn < TURN; turn++) {
      const started = performance.now();
      await way.call();
      way.ms.push(performance.now() - started);
    }
  }
}

const percentile = (ms: readonly number[], part: number): number =>
  ms.toSorted((a, b) => a - b)[Math.floor(ms.length * part)] ?? NaN;
const line = (name: string, p50: number, p99: number): string =>
  `${name.padEnd(20)}${p50.toFixed(3).padStart(10)}${p99.toFixed(3).padStart(10)}\n`;
const [direct, kind] = Object.values(ways).map(({ ms }) => [percentile(ms, 0.5), percentile(ms, 0.99)] as const);
process.stdout.write(`${'ms a call, 1 KB'.padEnd(20)}${'p50'.padStart(10)}${'p99'.padStart(10)}\n`);
if (direct !== undefined) process.stdout.write(line('direct', ...direct));
if (kind !== undefined) process.stdout.write(line('through the kind', ...kind));
if (direct !== undefined && kind !== undefined)
  process.stdout.write(line('added', kind[0] - direct[0], kind[1] - direct[1]));
await client.close();
