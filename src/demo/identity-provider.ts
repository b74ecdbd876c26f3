// The demo's OpenID provider: a real one (oidc-provider) on loopback, with people who sign in by password, agents that
// are OAuth clients, and fresh keys and secrets at each start. Used by `sallyport demo` and by the tests.
import { randomBytes, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair } from 'jose';
import type { JWK } from 'jose';
import type { ClientMetadata } from 'oidc-provider';
import { SIGN_IN_PATH, buildProvider } from './identity-provider-setup.ts';
import type { Algorithm } from './identity-provider-setup.ts';
import { answerSignIn } from './identity-provider-sign-in.ts';
import { memoryStorage } from './identity-provider-storage.ts';
import { exchangeToken, requestAgentToken, requestPersonTokens } from './identity-provider-tokens.ts';
import type { PersonTokens } from './identity-provider-tokens.ts';
import { TOKEN_EXCHANGE } from './token-exchange.ts';

export interface Person {
  /** Also the `sub` of their tokens. */
  readonly email: string;
  readonly name: string;
  readonly groups: readonly string[];
  readonly password: string;
}

export interface Agent {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly groups: readonly string[];
}

export interface IdentityProviderOptions {
  /** Loopback port; 0, the default, takes a free one. */
  readonly port?: number;
  /** Brokers that tokens may be for, as `registerBroker` takes them. */
  readonly brokers?: readonly string[];
  /** Life of an access token in seconds; ten minutes where left out. */
  readonly tokenTtlSeconds?: number;
  readonly algorithm?: Algorithm;
  /** `kid` of the first signing key; a random one where left out. */
  readonly keyId?: string;
}

export interface TokenRequest {
  /** E-mail of the person on whose behalf the agent acts, by token exchange; left out, the agent acts for itself. */
  readonly subject?: string;
  /** Client id of the agent; the support agent where left out. */
  readonly agent?: string;
  /** Groups of a subject, or else of an agent, that is not known yet and is registered with them. */
  readonly groups?: readonly string[];
  /** The resource the token is for; the newest broker's `/mcp` where left out. */
  readonly audience?: string;
}

export interface IdentityProvider extends AsyncDisposable {
  readonly issuer: string;
  readonly people: ReadonlyMap<string, Person>;
  readonly agents: ReadonlyMap<string, Agent>;
  /** The public client (PKCE, device flow) through which people sign in. */
  readonly peopleClientId: string;
  /** Lets tokens be made for `<publicUrl>/mcp` and `<publicUrl>/api`, and people return to `<publicUrl>/console/callback`. */
  registerBroker(publicUrl: string): void;
  /** Lets tokens be made for another system, by its address. */
  registerResource(address: string): void;
  registerPerson(person: { email: string; name?: string; groups: readonly string[] }): Person;
  registerAgent(agent: { clientId: string; groups: readonly string[] }): Agent;
  /** An agent's access token, by client credentials and, for a subject, token exchange. */
  accessToken(request?: TokenRequest): Promise<string>;
  /** Signs a person in as a browser would (code + PKCE). The audience is the newest broker's `/api` where left out. */
  signIn(email: string, audience?: string): Promise<PersonTokens>;
  /** Signs with a new key from now on. The old ones stay published until `retireKeys`. */
  addKey(keyId?: string): Promise<void>;
  /** Publishes nothing but the newest key. */
  retireKeys(): void;
  /** Every key it can sign with, the newest first: private parts too, so that tests can forge with them. */
  readonly keys: readonly JWK[];
}

const SUPPORT_AGENT = 'support-agent';
const CALLBACK_PATH = '/console/callback';

/** Resolves when it answers. Disposing of it closes its port and forgets everything. */
export async function startIdentityProvider(options: IdentityProviderOptions = {}): Promise<IdentityProvider> {
  const algorithm = options.algorithm ?? 'RS256';
  const people = new Map<string, Person>();
  const agents = new Map<string, Agent>();
  const clients = new Map<string, ClientMetadata>();
  const resources = new Set<string>();
  const brokers: string[] = [];

  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const issuer = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  const realm = {
    ...{ issuer, algorithm, people, agents, resources },
    tokenTtlSeconds: options.tokenTtlSeconds ?? 600,
    storage: memoryStorage(clients),
    cookieKey: newSecret(),
  };

  // oidc-provider takes its keys when it is made, so new keys mean a new one on the same storage.
  let keys = [await newKey(algorithm, options.keyId)];
  let provider = buildProvider(realm, keys);
  let answer = provider.callback();
  const publish = (newKeys: JWK[]): void => {
    keys = newKeys;
    provider = buildProvider(realm, keys);
    answer = provider.callback();
  };
  server.on('request', (request, response) => {
    const answered = request.url?.startsWith(SIGN_IN_PATH)
      ? answerSignIn(provider, people, request, response)
      : answer(request, response);
    answered.catch((error: unknown) => response.destroy(error as Error));
  });

  const newestBroker = (): string => {
    const broker = brokers.at(-1);
    if (broker === undefined) throw new Error('no broker is registered that a token could be for: call registerBroker');
    return broker;
  };

  const demo: IdentityProvider = {
    issuer,
    people,
    agents,
    peopleClientId: 'sallyport',
    get keys() {
      return keys;
    },
    registerBroker(publicUrl) {
      resources.add(`${publicUrl}/mcp`).add(`${publicUrl}/api`);
      brokers.push(publicUrl);
      clients.set(demo.peopleClientId, {
        client_id: demo.peopleClientId,
        client_name: 'Sallyport',
        token_endpoint_auth_method: 'none',
        grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
        response_types: ['code'],
        redirect_uris: brokers.map((broker) => broker + CALLBACK_PATH),
      });
    },
    registerResource(address) {
      resources.add(address);
    },
    registerPerson({ email, name = email, groups }) {
      const person = { email, name, groups, password: newSecret() };
      people.set(email, person);
      return person;
    },
    registerAgent({ clientId, groups }) {
      const agent = { clientId, groups, clientSecret: newSecret() };
      agents.set(clientId, agent);
      clients.set(clientId, {
        client_id: clientId,
        client_secret: agent.clientSecret,
        grant_types: ['client_credentials', TOKEN_EXCHANGE],
        response_types: [],
        redirect_uris: [],
      });
      return agent;
    },
    async accessToken(request = {}) {
      const audience = request.audience ?? `${newestBroker()}/mcp`;
      const { subject, groups } = request;
      const clientId = request.agent ?? (subject === undefined && groups ? `${groups.join('-')}-agent` : SUPPORT_AGENT);
      const agent = agents.get(clientId) ?? demo.registerAgent({ clientId, groups: groups ?? [] });
      if (subject === undefined) return requestAgentToken(issuer, agent, audience);
      if (!people.has(subject)) demo.registerPerson({ email: subject, groups: groups ?? [] });
      const { accessToken } = await demo.signIn(subject, audience);
      return exchangeToken(issuer, agent, accessToken, audience);
    },
    async signIn(email, audience) {
      const person = people.get(email);
      if (!person) throw new Error(`${email} is nobody this provider knows: register them first`);
      const resource = audience ?? `${newestBroker()}/api`;
      return requestPersonTokens(issuer, demo.peopleClientId, newestBroker() + CALLBACK_PATH, person, resource);
    },
    async addKey(keyId) {
      publish([await newKey(algorithm, keyId), ...keys]);
    },
    retireKeys() {
      publish(keys.slice(0, 1));
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  for (const broker of options.brokers ?? []) demo.registerBroker(broker);
  for (const person of PEOPLE) demo.registerPerson(person);
  demo.registerAgent({ clientId: SUPPORT_AGENT, groups: ['support'] });
  return demo;
}

const PEOPLE = [
  { email: 'ada@shop.example', name: 'Ada', groups: ['support'] },
  { email: 'finn@shop.example', name: 'Finn', groups: ['finance'] },
  { email: 'paula@shop.example', name: 'Paula', groups: ['platform'] },
  { email: 'sam@shop.example', name: 'Sam', groups: ['security'] },
];

async function newKey(algorithm: Algorithm, keyId: string = randomUUID()): Promise<JWK> {
  const { privateKey } = await generateKeyPair(algorithm, { extractable: true });
  return { ...(await exportJWK(privateKey)), kid: keyId, alg: algorithm, use: 'sig' };
}

function newSecret(): string {
  return randomBytes(18).toString('base64url');
}
