// Agents' calls that wait for a person: refunds above the limit, on a whole broker.
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import type { TestBroker } from './broker.ts';
import { legacyCall, MCP_HEADERS, send } from './raw-http.ts';

export interface WaitingRefund {
  /** Of the approval. */
  readonly id: string;
  readonly order: number;
  /** What the agent gets in the end. */
  readonly reply: Promise<RefundReply>;
}

export interface RefundReply {
  readonly result: {
    readonly isError?: boolean;
    readonly structuredContent?: { readonly rowCount: number };
    readonly content: readonly { readonly text: string }[];
  };
}

export interface Refunds {
  /** Resolves when the call waits. The agent is the support agent, acting for itself where no token is given. */
  ask(token?: string, more?: object): Promise<WaitingRefund>;
  /** Entries of the log about an approval, or of a type; oldest first. */
  entries(member: 'approval' | 'type', value: string): readonly { readonly type: string }[];
  /** Turns the approval's clock: its time is up. */
  makeLate(approval: string): void;
  isRefunded(order: number): Promise<boolean>;
}

export function refundsOn(broker: TestBroker): Refunds {
  const file = join(broker.dataDirectory, 'sallyport.db');
  /** Those that cost more than what is refunded here. */
  const orders = [0, 6, 12, 18, 24, 30].flatMap((first) => [3, 4, 5, 6].map((nth) => 1000 + first + nth));
  const ids = (): Set<string> => {
    using store = new DatabaseSync(file, { readOnly: true });
    return new Set(
      store
        .prepare('select id from approvals')
        .all()
        .map(({ id }) => String(id)),
    );
  };
  return {
    async ask(token, more = {}) {
      const bearer = token ?? (await broker.provider.accessToken({ agent: 'support-agent' }));
      const order = orders.shift()!;
      const before = ids();
      const sent = send(new URL(broker.url), {
        headers: { ...MCP_HEADERS, authorization: `Bearer ${bearer}` },
        body: legacyCall(order, 'refund_order', { order_id: order, amount: 60, ...more }),
      });
      const reply = sent.then(({ json }) => json as RefundReply);
      let answered: RefundReply | undefined;
      void reply.then((early) => (answered = early));
      for (;;) {
        if (answered !== undefined) throw new Error(`the call did not wait: ${JSON.stringify(answered)}`);
        const [fresh] = [...ids()].filter((id) => !before.has(id));
        if (fresh !== undefined) return { id: fresh, order, reply };
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    entries(member, value) {
      using store = new DatabaseSync(file, { readOnly: true });
      const rows = store.prepare('select body from entries where body ->> ? = ? order by seq').all(member, value);
      return rows.map(({ body }) => JSON.parse(body as string) as { type: string });
    },
    makeLate(approval) {
      using store = new DatabaseSync(file, { timeout: 10_000 });
      store.prepare('update approvals set expires_at = ? where id = ?').run(Date.now() - 1, approval);
    },
    async isRefunded(order) {
      const [row] = await broker.database.query('select refunded from orders where id = $1', [order]);
      return row?.['refunded'] === true;
    },
  };
}
