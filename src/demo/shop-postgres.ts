// The small shop that the demo and the tests guard: its tables, its data, its group role, and the login that makes leases.
import { randomBytes } from 'node:crypto';
import pg from 'pg';

export interface Shop {
  /** Host and database; carries no login. */
  readonly databaseUrl: string;
  /** Login of the broker: it may make roles and hand out the group `shop_support`. It is no superuser and reads no table. */
  readonly adminUrl: string;
}

/**
 * Makes the shop in the database of `superuserUrl`, or in a new one on the same server where `database` names it.
 * The group role `shop_support` is made once per server, the login anew with a random password.
 */
export async function prepareShop(
  superuserUrl: string,
  { database, adminLogin = 'sallyport_admin' }: { database?: string; adminLogin?: string } = {},
): Promise<Shop> {
  const url = new URL(superuserUrl);
  if (database !== undefined) {
    await execute(url, `create database ${pg.escapeIdentifier(database)}`);
    url.pathname = `/${database}`;
  }
  const name = pg.escapeIdentifier(decodeURIComponent(url.pathname.slice(1)));
  const login = pg.escapeIdentifier(adminLogin);
  const password = randomBytes(18).toString('base64url');
  await execute(url, TABLES + DATA + GRANTS);
  await execute(
    url,
    `revoke all on database ${name} from public;
     grant connect on database ${name} to shop_support;
     create role ${login} login createrole password ${pg.escapeLiteral(password)};
     grant shop_support to ${login} with admin option, inherit false;
     grant pg_signal_backend to ${login};
     grant connect on database ${name} to ${login};`,
  );
  const databaseUrl = new URL(url);
  databaseUrl.username = databaseUrl.password = '';
  url.username = encodeURIComponent(adminLogin);
  url.password = password;
  return { databaseUrl: databaseUrl.href, adminUrl: url.href };
}

async function execute(url: URL, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

const TABLES = `
create table customers (
  id integer generated always as identity primary key,
  name text not null,
  email text not null unique,
  phone text not null,
  card_number text not null,
  password_hash text not null,
  plan text not null check (plan in ('free', 'plus', 'business')),
  created_at timestamptz not null
);
create table orders (
  id integer generated always as identity (start with 1001) primary key,
  customer_id integer not null references customers,
  placed_on date not null,
  status text not null check (status in ('paid', 'sent', 'delivered')),
  amount numeric(10, 2) not null check (amount > 0),
  currency char(3) not null default 'EUR',
  refunded boolean not null default false,
  refund_amount numeric(10, 2) check (refund_amount > 0 and refund_amount <= amount),
  note jsonb
);
create index on orders (customer_id);
create table receipts (
  id integer generated always as identity primary key,
  order_id integer not null references orders,
  email text not null,
  asked_at timestamptz not null default now()
);
`;

// Card numbers are the payment networks' published test numbers; telephone numbers are from ranges kept for fiction.
const DATA = `
insert into customers (name, email, phone, card_number, password_hash, plan, created_at)
select name, email, phone, card_number, '$2b$12$' || encode(sha256(email::bytea), 'hex'), plan, created_at::timestamptz
from (values
  ('Ada Marsh', 'ada@example.com', '+44 20 7946 0011', '4242424242424242', 'plus', '2024-02-29 09:30:00+00'),
  ('Ben Okafor', 'ben@example.com', '+44 20 7946 0012', '5555555555554444', 'free', '2024-05-11 17:05:12+00'),
  ('Chloé Durand', 'chloe@example.org', '+33 1 99 00 10 13', '378282246310005', 'business', '2024-07-01 00:00:00+02'),
  ('Dmitri Volkov', 'dmitri@example.net', '+1 555 0100', '6011111111111117', 'plus', '2024-11-23 21:45:30+00'),
  ('Eve Lindqvist', 'eve@example.com', '+46 31 390 06 15', '4000056655665556', 'free', '2025-01-15 08:00:00+01'),
  ('Farah Haddad', 'farah@example.org', '+1 555 0101', '30569309025904', 'business', '2025-03-03 12:12:12+00')
) as people (name, email, phone, card_number, plan, created_at);
insert into orders (customer_id, placed_on, status, amount, note)
select c.id, date '2026-01-05' + (n * 13 + c.id), (array['paid', 'sent', 'delivered'])[1 + (n + c.id) % 3],
  round((n * 37.5 + c.id * 11.25)::numeric, 2),
  case when n % 2 = 0 then jsonb_build_object('gift', true, 'to', jsonb_build_object('name', 'a friend of ' || c.name, 'email', 'friend.of.' || c.email)) end
from customers c cross join generate_series(1, 6) as n
order by c.id, n;
`;

const GRANTS = `
do $$ begin create role shop_support nologin; exception when duplicate_object or unique_violation then null; end $$;
grant usage on schema public to shop_support;
grant select (id, name, email, phone, card_number, plan, created_at) on customers to shop_support;
grant select, update (refunded, refund_amount) on orders to shop_support;
grant insert (order_id, email), select (id, order_id) on receipts to shop_support;
`;
