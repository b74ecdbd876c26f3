// A whole broker over HTTP whose only backend is the fixture kind: real provider of tokens, policies, log, store and masks.
import { createSecretKey, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBroker } from '../../src/broker.ts';
import { systemClock } from '../../src/core/clock.ts';
import { Metrics } from '../../src/core/metrics.ts';
import { problemText } from '../../src/core/problem.ts';
import { createLeases } from '../../src/credential/leases.ts';
import { startIdentityProvider, type IdentityProvider } from '../../src/demo/identity-provider.ts';
import { createHttpApp } from '../../src/http.ts';
import { createAuthenticator } from '../../src/identity/oidc-authenticator.ts';
import { createApprovals } from '../../src/approval/approvals.ts';
import { createApprovalRecords } from '../../src/store/approval-records.ts';
import { createDeliveryRecords } from '../../src/store/delivery-records.ts';
import { createGrantRecords } from '../../src/store/grant-records.ts';
import { createLog } from '../../src/log/log.ts';
import { recordedReply } from '../../src/log/payload.ts';
import { maskCompiler } from '../../src/masking/mask-compiler.ts';
import { maskedFromRecord } from '../../src/masking/recorded.ts';
import { openSecondOpinion } from '../../src/masking/second-opinion-thread.ts';
import { loadPolicies } from '../../src/policy/load-policies.ts';
import { announceBroker } from '../../src/store/broker-presence.ts';
import { loadKeys } from '../../src/store/keys.ts';
import { createLeaseRecords } from '../../src/store/lease-records.ts';
import { storeLogSource } from '../../src/store/log-source.ts';
import { createRepeatedCalls } from '../../src/store/repeated-calls.ts';
import { createSessions } from '../../src/store/sessions.ts';
import { createSwitchRecords } from '../../src/store/switch-records.ts';
import { openSwitchGate } from '../../src/switches/switch-gate.ts';
import { createTokenVault } from '../../src/store/token-records.ts';
import { openSqliteStore } from '../../src/store/sqlite-store.ts';
import { fixtureKind } from './fixture-kind.ts';
import { silent } from './http-edge.ts';
import { freePort } from '../../src/demo/free-port.ts';

export interface FixtureBroker extends AsyncDisposable {
  readonly url: URL;
  readonly identityProvider: IdentityProvider;
}

/** `alsoReachedAs` are further values of the Host header. */
export async function startFixtureBroker(
  policiesDirectory: string,
  alsoReachedAs: readonly string[],
): Promise<FixtureBroker> {
  await using opening = new AsyncDisposableStack();
  const port = await freePort();
  const publicUrl = `http://127.0.0.1:${String(port)}`;
  const identityProvider = opening.use(await startIdentityProvider({ brokers: [publicUrl] }));
  const issuers = [
    {
      name: undefined,
      issuer: identityProvider.issuer,
      audience: `${publicUrl}/mcp`,
      groupsClaim: 'groups',
      algorithms: ['RS256'],
    },
  ];

  const directory = await mkdtemp(join(tmpdir(), 'sallyport-fixture-'));
  opening.defer(() => rm(directory, { recursive: true, force: true }));
  const clock = systemClock;
  const logger = silent;
  const keys = await loadKeys(join(directory, 'keys'));
  const store = opening.use(await openSqliteStore({ file: join(directory, 'store.db'), keys, clock }));
  const log = createLog({ store, broker: 'fixture' });
  opening.use(await announceBroker({ store, log, clock, broker: 'fixture', version: '0.0.0' }));

  const masks = maskCompiler({ hashKey: randomBytes(32) });
  const loaded = await loadPolicies(policiesDirectory, {
    kinds: [fixtureKind],
    providers: [],
    masks,
    env: {},
    issuers,
  });
  const { policies } = loaded;
  if (policies === undefined) throw new Error(loaded.problems.map(problemText).join('\n'));
  const source = storeLogSource(store);
  const metrics = new Metrics();
  const leases = createLeases({
    providers: [],
    log,
    records: createLeaseRecords(store),
    clock,
    logger,
    broker: 'fixture',
    backends: () => [],
  });
  const switches = opening.use(await openSwitchGate({ records: createSwitchRecords(store), leases, clock, logger }));
  const broker = createBroker({
    policies: () => policies,
    sessions: createSessions({ store, clock }),
    switches,
    approvals: createApprovals({
      records: createApprovalRecords(store),
      grants: createGrantRecords(store),
      outbox: createDeliveryRecords(store),
      log,
      clock,
      isBlocked: (person) => switches.isBlocked(person),
    }),
    log,
    leases,
    repeated: createRepeatedCalls({
      store,
      clock,
      broker: 'fixture',
      recordedReply: (invocation) => recordedReply(source, keys.payload, invocation),
      restore: maskedFromRecord,
    }),
    tokens: createTokenVault({ store, clock, derivation: keys.tokenDerivation, sealing: keys.tokenSealing }),
    secondOpinion: opening.use(openSecondOpinion({ sample: 1, random: () => 0 })),
    metrics,
    logger,
    clock,
    digestKey: createSecretKey(randomBytes(32)),
  });
  opening.defer(() => broker.drain(0));

  const app = createHttpApp({
    broker,
    authenticator: createAuthenticator({ issuers, clock, logger }),
    issuers,
    logger,
    version: '0.0.0',
    publicUrl,
    allowedHosts: [`127.0.0.1:${String(port)}`, ...alsoReachedAs],
    allowedOrigins: [publicUrl, ...alsoReachedAs.map((host) => `http://${host}`)],
    readinessChecks: () => [],
    metricsText: () => metrics.text([]),
  });
  app.server.listen(port, '127.0.0.1');
  await once(app.server, 'listening');
  opening.defer(() => app.close(0));

  const open = opening.move();
  return { url: new URL(`${publicUrl}/mcp`), identityProvider, [Symbol.asyncDispose]: () => open.disposeAsync() };
}
