// What approvers are to be told survives the broker: killed with a message undelivered, the next process delivers it.
import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startSlackStandIn } from '../../src/demo/slack-stand-in.ts';
import { prepareServe } from '../support/serve-process.ts';

const POLICY = `
version: 1
backends:
  shop:
    kind: postgres
    url: \${env:SHOP_DATABASE_URL}
    credential: { kind: postgres-role, admin: '\${env:SHOP_ADMIN_URL}', memberOf: [shop_support], ttl: 10s }
tools:
  refund: { backend: shop, sql: update orders set refunded = true where id = :id, input: { id: { type: integer } } }
rules:
  - id: ask
    effect: require_approval
    tools: [refund]
    approval: { approvers: { groups: [finance] }, notify: [slack] }
`;

it('delivers after a kill what was not delivered before it, once', { timeout: 120_000 }, async () => {
  await using slack = await startSlackStandIn();
  await using site = await prepareServe();
  await writeFile(join(site.directory, 'policies', 'shop.yaml'), POLICY);
  const people = `people: { issuer: '${site.provider.issuer}', clientId: ${site.provider.peopleClientId} }\n`;
  const told = `approvals: { slack: { webhook: '\${env:SLACK_WEBHOOK_URL}' } }\n`;
  await appendFile(join(site.directory, 'sallyport.yaml'), people + told);
  const env = { SLACK_WEBHOOK_URL: slack.webhook };

  slack.answerWith(503);
  await using killed = await site.start(env);
  const client = await site.client();
  const call = client.callTool({ name: 'refund', arguments: { id: 1003 } }).catch(() => undefined);
  await expect.poll(() => killed.said(), { timeout: 15_000 }).toContain('a message about an approval was not taken');
  expect(killed.said()).not.toContain(slack.webhook);
  await killed.end('SIGKILL');
  await call;
  await client.close().catch(() => undefined);
  slack.answerWith(undefined);
  expect(slack.messages).toHaveLength(0);

  await using again = await site.start(env);
  await expect.poll(() => slack.messages.length, { timeout: 45_000 }).toBe(1);
  expect(slack.messages[0]!.blocks.map(({ text }) => text?.text).join('\n')).toContain('"id": 1003');
  expect(again.said()).not.toContain(slack.webhook);
});
