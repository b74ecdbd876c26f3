import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Person } from '../../src/core/approval.ts';
import { loadKeys } from '../../src/store/keys.ts';
import { openSqliteStore } from '../../src/store/sqlite-store.ts';
import { rule, startPipeline } from '../support/pipeline.ts';
import { finance } from '../support/waiting-approval.ts';

const WAITING = 15;
const finn: Person = { issuer: 'https://issuer.example', subject: 'finn', name: 'Finn', groups: ['finance'] };

test('approvals outlive a broker that is killed: each is decided elsewhere, and its call runs once', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'sallyport-approval-crash-'));
  const child = fork(join(import.meta.dirname, '../support/approval-process.ts'), [directory, String(WAITING)]);
  try {
    for (;;) {
      const [waiting] = (await once(child, 'message')) as [number];
      if (waiting === WAITING) break;
    }
    child.kill('SIGKILL');
    await once(child, 'exit');

    const keys = await loadKeys(join(directory, 'keys'));
    const file = join(directory, 'shared.db');
    await using pipeline = await startPipeline({
      rules: [rule('require_approval', { approval: finance })],
      shared: { broker: 'next', keys, openStore: () => openSqliteStore({ file, keys }) },
    });
    const pending = await pipeline.approvals.list({ state: 'pending', limit: 100 });
    expect(pending).toHaveLength(WAITING);
    for (const { id } of pending) {
      const reviewed = await pipeline.reviews.review(id, { person: finn, verdict: 'approve', reason: undefined });
      expect(reviewed).toMatchObject({ approval: { state: 'approved' } });
    }
    expect(pipeline.backendCalls).toHaveLength(0);
    for (let n = 0; n < WAITING; n++) {
      const reply = await pipeline.broker.invoke(pipeline.call({ arguments: { n } }));
      expect(reply.kind).toBe('result');
      reply.delivered();
    }
    expect(pipeline.backendCalls).toHaveLength(WAITING);
    expect(await pipeline.approvals.list({ state: 'used', limit: 100 })).toHaveLength(WAITING);
  } finally {
    child.kill('SIGKILL');
    await rm(directory, { recursive: true, force: true });
  }
});
