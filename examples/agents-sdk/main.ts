// A support agent whose tools come from Sallyport. Run it as the README beside it says.
import { Agent, Runner } from '@openai/agents';
import { sallyport } from 'sallyport/agents';

const { SALLYPORT_URL = '', OIDC_ISSUER = '', OIDC_CLIENT_ID = '', OIDC_CLIENT_SECRET = '' } = process.env;

const tools = sallyport({
  url: SALLYPORT_URL,
  issuer: OIDC_ISSUER,
  clientId: OIDC_CLIENT_ID,
  clientSecret: OIDC_CLIENT_SECRET,
});

const agent = new Agent({
  name: 'Support',
  instructions: 'You help the support team of a shop. If a tool says no, say why, and do not try another way.',
  mcpServers: [tools],
});

await tools.connect();
try {
  const runner = new Runner({ traceIncludeSensitiveData: false });
  const { finalOutput } = await runner.run(agent, process.argv[2] ?? 'Which plan is ada@example.com on?');
  console.log(finalOutput);
} finally {
  await tools.close();
}
