// What to try by hand while the demo is up: commands that work as they are printed. Pure.

export interface Addresses {
  /** The broker's MCP address. */
  readonly url: string;
  readonly issuer: string;
  /** Of the console and the people's API. */
  readonly publicUrl: string;
  readonly dataDirectory: string;
  /** Who may stop things. */
  readonly admin: { readonly email: string; readonly password: string };
  readonly clientId: string;
  readonly clientSecret: string;
  /** Of the agent, for ten minutes. */
  readonly token: string;
  /** Superuser of the shop's database. */
  readonly databaseUrl: string;
  /** What the example policies refer to. */
  readonly shopSettings: Readonly<Record<string, string>>;
}

/** `command` is how this program was started, such as `npx sallyport`. */
export function tryIt(
  at: Addresses,
  command: string,
): readonly { readonly what: string; readonly commands: readonly string[] }[] {
  return [
    {
      what: 'Call a tool yourself (the token serves ten minutes)',
      commands: [`export SALLYPORT_TOKEN=${at.token}`, curl(at.url)],
    },
    {
      what: 'Read the log',
      commands: [`${command} log list --data ${at.dataDirectory}`, `${command} log verify --data ${at.dataDirectory}`],
    },
    {
      what: `Stop something: sign in as ${at.admin.email}, password ${at.admin.password}, here or at ${at.publicUrl}/console/switches`,
      commands: [
        `${command} login --url ${at.publicUrl}`,
        `${command} leases list`,
        `${command} principals block agent ${at.clientId} --reason "it went astray"`,
        `${command} principals unblock agent ${at.clientId} --reason "its prompt is mended"`,
      ],
    },
    {
      what: 'See who is logged in to the database, with a psql of your own: the lease has its role',
      commands: [
        `psql '${at.databaseUrl}' -c "select usename, state, query from pg_stat_activity where datname is not null"`,
      ],
    },
    {
      what: 'Run an Agents SDK app of your own (examples/agents-sdk)',
      commands: [
        `export SALLYPORT_URL=${at.url} OIDC_ISSUER=${at.issuer}`,
        `export OIDC_CLIENT_ID=${at.clientId} OIDC_CLIENT_SECRET=${at.clientSecret}`,
      ],
    },
    {
      what: 'Let a client that reads mcp.json start a broker of its own over this shop: it takes these lines from .env',
      commands: Object.entries({
        OIDC_ISSUER: at.issuer,
        SALLYPORT_URL: at.url,
        SALLYPORT_CLIENT_ID: at.clientId,
        SALLYPORT_CLIENT_SECRET: at.clientSecret,
        ...at.shopSettings,
      }).map(([name, value]) => `${name}='${value}'`),
    },
  ];
}

/** A call as MCP 2026-07-28 has it: one request, no handshake. */
function curl(url: string): string {
  const request = {
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: {
      name: 'find_customer',
      arguments: { email: 'ben@example.com' },
      _meta: {
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientInfo': { name: 'curl', version: '1' },
        'io.modelcontextprotocol/clientCapabilities': {},
      },
    },
  };
  return [
    `curl -s ${url}`,
    `-H "Authorization: Bearer $SALLYPORT_TOKEN"`,
    `-H 'Content-Type: application/json'`,
    `-H 'Accept: application/json, text/event-stream'`,
    `-H 'MCP-Protocol-Version: 2026-07-28' -H 'Mcp-Method: tools/call' -H 'Mcp-Name: find_customer'`,
    `-d '${JSON.stringify(request)}'`,
  ].join(' \\\n     ');
}
