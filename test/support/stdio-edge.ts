// A process that serves a broker double over stdio; run by tests of the stdio edge. SALLYPORT_TOKEN is a name, or `expired`.
import { ScriptedBroker } from './scripted-broker.ts';
import { principalNamed, silent } from './http-edge.ts';
import { serveMcpStdio } from '../../src/mcp-stdio.ts';

const broker: ScriptedBroker = new ScriptedBroker({
  echo: {
    run: ({ arguments: args, principal, sessionLabel }) => ({
      structured: { args, sessionLabel: sessionLabel ?? null, subject: principal.subject },
    }),
  },
  delivered: { run: () => ({ structured: { delivered: broker.delivered } }) },
  cancelled: { run: () => ({ structured: { cancelled: broker.calls.filter((call) => call.signal.aborted).length } }) },
  hang: { run: ({ signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve({}))) },
  big: { run: () => ({ structured: { text: 'x'.repeat(3_000_000) } }) },
});
const connection = serveMcpStdio({
  broker,
  logger: silent,
  version: '0.0.0',
  identify: () => {
    const name = process.env['SALLYPORT_TOKEN'] ?? 'expired';
    return Promise.resolve(
      name === 'expired' ? { refusal: 'The token has expired.' } : { principal: principalNamed(name) },
    );
  },
  input: process.stdin,
  output: process.stdout,
});
await connection.closed;
process.stderr.write(`closed, ${String(broker.calls.filter((call) => call.signal.aborted).length)} cancelled\n`);
