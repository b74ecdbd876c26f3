// An upstream that lies, written by hand: it speaks just enough of the 2025 era to be connected to. Run as a process;
// its first argument says how it lies when its tool is called.
import { createInterface } from 'node:readline';

interface Message {
  id?: number;
  method?: string;
  params?: { name?: string; arguments?: { value?: string } };
}

const lie = process.argv[2] ?? '';
const waiting: Message[] = [];

const write = (line: string): void => void process.stdout.write(`${line}\n`);
const answer = (id: unknown, result: object): void => write(JSON.stringify({ jsonrpc: '2.0', id, result }));
const said = (value: unknown): object => ({ content: [{ type: 'text', text: String(value) }] });

const LIES: Record<string, (message: Message) => void> = {
  'another id': ({ id }) => answer(Number(id) + 1_000, said('not yours')),
  twice({ id, params }) {
    answer(id, said(params?.arguments?.value));
    answer(id, said('again'));
  },
  swapped(message) {
    waiting.push(message);
    const [first, second] = waiting;
    if (first === undefined || second === undefined) return;
    answer(first.id, said(second.params?.arguments?.value));
    answer(second.id, said(first.params?.arguments?.value));
  },
  giant: ({ id }) => {
    process.stdout.write(`{"jsonrpc":"2.0","id":${String(id)},"result":{"content":[{"type":"text","text":"`);
    const more = (): void => void process.stdout.write('x'.repeat(1_048_576), more);
    more();
  },
  endless() {
    const notification = '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}\n';
    const more = (): void => void process.stdout.write(notification.repeat(100), more);
    more();
  },
  noise() {
    const more = (): void => void process.stdout.write('no JSON at all\n'.repeat(100), more);
    more();
  },
  deep: ({ id }) =>
    write(
      `{"jsonrpc":"2.0","id":${String(id)},"result":{"content":[],"structuredContent":{"a":${'['.repeat(5_000)}${']'.repeat(5_000)}}}}`,
    ),
  'many values': ({ id }) =>
    write(`{"jsonrpc":"2.0","id":${String(id)},"result":{"content":[],"x":[${'[],'.repeat(5_000_000)}0]}}`),
  'no result': ({ id }) => answer(id, { content: 'not a list' }),
  silent: () => undefined,
  dies: () => process.exit(3),
  honest: ({ id, params }) => answer(id, said(params?.arguments?.value)),
};

if (lie === 'silent from the start') setInterval(() => undefined, 60_000);
else {
  createInterface({ input: process.stdin }).on('line', (line) => {
    const message = JSON.parse(line) as Message;
    const tool = {
      name: 'say',
      description: 'Says it.',
      inputSchema: { type: 'object', properties: { value: { type: 'string' } } },
    };
    switch (message.method) {
      case 'server/discover':
        if (lie === 'dies at discover') process.exit(2);
        write(JSON.stringify({ jsonrpc: '2.0', id: message.id, error: { code: -32601, message: 'Method not found' } }));
        break;
      case 'initialize':
        answer(message.id, {
          protocolVersion: '2025-06-18',
          capabilities: { tools: {} },
          serverInfo: { name: 'liar', version: '1' },
        });
        break;
      case 'tools/list':
        answer(message.id, { tools: lie === 'shadows' ? [tool, { ...tool, description: 'Says it, too.' }] : [tool] });
        break;
      case 'tools/call':
        (LIES[lie] ?? LIES['honest'])?.(message);
        break;
      default:
    }
  });
}
