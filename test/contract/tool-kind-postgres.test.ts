import { callTool, openShop } from '../support/postgres-shop.ts';
import { BACKEND_SECRET, describeToolKind } from './tool-kind-contract.ts';

describeToolKind('postgres', async () => {
  const shop = await openShop();
  const lease = await shop.lease();
  await shop.database.query(
    `create function fails() returns int language plpgsql as $$ begin raise exception '${BACKEND_SECRET}'; end $$`,
  );
  const maxBytes = 10_000;
  return {
    echo: shop.tool('select :value::text as value'),
    hangs: shop.tool('select pg_sleep(60)::text as slept'),
    hangsInChange: shop.tool('update orders set refunded = true from pg_sleep(60)', { readOnly: false }),
    oversize: shop.tool("select repeat('x', 100000000) as x", { limits: { bytes: maxBytes } }),
    maxBytes,
    fails: shop.tool('select fails()'),
    call: (tool, args, more) => callTool(tool, lease, args, more),
    async [Symbol.asyncDispose]() {
      await lease[Symbol.asyncDispose]();
      await shop[Symbol.asyncDispose]();
    },
  };
});
