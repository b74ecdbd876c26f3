// Looks at the demo's Postgres as its superuser, past the broker: to check what the broker did there. Effectful.
import pg from 'pg';

export interface ShopWitness {
  /** What no agent may ever see: every customer's card number, telephone number and password hash. */
  secrets(): Promise<readonly string[]>;
  /** Those of the given roles that exist, with how many sessions each has. */
  roles(names: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** How many orders have been refunded. */
  refunds(): Promise<number>;
  /** Where receipts go. */
  receipts(): Promise<readonly string[]>;
}

export function shopWitness(superuserUrl: string): ShopWitness {
  async function rows<Row extends pg.QueryResultRow>(sql: string, values: unknown[] = []): Promise<Row[]> {
    const client = new pg.Client({ connectionString: superuserUrl });
    await client.connect();
    try {
      return (await client.query<Row>(sql, values)).rows;
    } finally {
      await client.end();
    }
  }

  return {
    async secrets() {
      const people = await rows<Record<string, string>>('select card_number, phone, password_hash from customers');
      return people.flatMap((person) => Object.values(person));
    },
    async roles(names) {
      const found = await rows<{ role: string; sessions: number }>(
        `select rolname as role, (select count(*)::int from pg_stat_activity where usesysid = pg_roles.oid) as sessions
         from pg_roles where rolname = any ($1)`,
        [names],
      );
      return new Map(found.map(({ role, sessions }) => [role, sessions]));
    },
    async refunds() {
      const [row] = await rows<{ refunds: number }>('select count(*)::int as refunds from orders where refunded');
      return row?.refunds ?? 0;
    },
    async receipts() {
      return (await rows<{ email: string }>('select email from receipts')).map(({ email }) => email);
    },
  };
}
