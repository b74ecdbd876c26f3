// A broker process whose callers wait for a person, for tests that kill it. Started with `fork`.
import { loadKeys } from '../../src/store/keys.ts';
import { openSqliteStore } from '../../src/store/sqlite-store.ts';
import { rule, startPipeline } from './pipeline.ts';
import { finance } from './waiting-approval.ts';

const [, , directory = '', count = '0'] = process.argv;
const keys = await loadKeys(`${directory}/keys`);
const pipeline = await startPipeline({
  rules: [rule('require_approval', { approval: finance })],
  shared: { broker: 'killed', keys, openStore: () => openSqliteStore({ file: `${directory}/shared.db`, keys }) },
});
for (let n = 0; n < Number(count); n++) void pipeline.broker.invoke(pipeline.call({ arguments: { n } }));
for (;;) {
  const waiting = await pipeline.approvals.list({ state: 'pending', limit: 100 });
  process.send?.(waiting.length);
  await new Promise((resolve) => setTimeout(resolve, 20));
}
