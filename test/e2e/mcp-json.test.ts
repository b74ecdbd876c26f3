// mcp.json does what it says for a client that reads it: started as written, where the repository is, with .env beside it.
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { expect, test } from 'vitest';
import { startIdentityProvider } from '../../src/demo/identity-provider.ts';
import { prepareShop } from '../../src/demo/shop-postgres.ts';
import { createTestDatabase } from '../support/postgres.ts';

const root = resolve(import.meta.dirname, '../..');

test('a client that reads mcp.json gets the guarded tools', async () => {
  await using resources = new AsyncDisposableStack();
  const database = resources.use(await createTestDatabase());
  const shop = await prepareShop(database.adminUrl, { adminLogin: `${database.name}_admin` });
  const provider = resources.use(await startIdentityProvider());
  // Whatever address a broker has, its tokens are made for.
  const url = 'http://127.0.0.1:8931';
  provider.registerBroker(url);
  const agent = provider.registerAgent({ clientId: 'desk-agent', groups: ['support'] });

  const checkout = mkdtempSync(join(tmpdir(), 'sallyport-mcp-json-'));
  resources.defer(() => {
    rmSync(checkout, { recursive: true });
  });
  for (const name of ['.ci', 'package.json', 'sallyport.yaml', 'src', 'tools', 'policies', 'node_modules']) {
    symlinkSync(join(root, name), join(checkout, name));
  }
  const variables = {
    OIDC_ISSUER: provider.issuer,
    SALLYPORT_URL: `${url}/mcp`,
    SALLYPORT_CLIENT_ID: agent.clientId,
    SALLYPORT_CLIENT_SECRET: agent.clientSecret,
    SHOP_DATABASE_URL: shop.databaseUrl,
    SHOP_ADMIN_URL: shop.adminUrl,
  };
  writeFileSync(
    join(checkout, '.env'),
    Object.entries(variables)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  );

  const { command, args } = JSON.parse(readFileSync(join(root, 'mcp.json'), 'utf8')).mcpServers.sallyport;
  const client = new Client({ name: 'reader-of-mcp-json', version: '1' });
  resources.defer(() => client.close());
  await client.connect(new StdioClientTransport({ command, args, cwd: checkout }));

  const { tools } = await client.listTools();
  expect(tools.map(({ name }) => name)).toContain('find_customer');
  const { content } = await client.callTool({ name: 'find_customer', arguments: { email: 'ada@example.com' } });
  expect(content).toEqual([expect.objectContaining({ text: expect.stringContaining('Ada Marsh') })]);
  expect(JSON.stringify(content)).not.toContain('4242424242424242');
});
