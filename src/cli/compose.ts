// The composition root: which implementation stands behind each port. Used by serve, stdio, the demo and the tests.
import { join } from 'node:path';
import { createApprovalDesk } from '../approval/approval-desk.ts';
import { createApprovals } from '../approval/approvals.ts';
import { createBroker, type RunningBroker } from '../broker.ts';
import type { Config } from '../config.ts';
import type { Cancellations } from '../core/cancellations.ts';
import { systemClock, type Clock } from '../core/clock.ts';
import type { EntryBody } from '../core/entry.ts';
import type { Keys } from '../core/keys.ts';
import { APPROVAL_EXPIRY_INTERVAL_MS, MAX_CHANGES_IN_ENTRY, TOKEN_SWEEP_INTERVAL_MS } from '../core/limits.ts';
import type { Logger } from '../core/logger.ts';
import { Metrics } from '../core/metrics.ts';
import type { PeopleSide } from '../http.ts';
import type { SlackSide } from '../http-slack.ts';
import type { BackendRef, Tool } from '../core/tool.ts';
import type { PolicySet } from '../core/policy.ts';
import { problemText } from '../core/problem.ts';
import type { Store } from '../core/store.ts';
import { uuidv7 } from '../core/uuid.ts';
import { createLeases } from '../credential/leases.ts';
import type { Authenticator } from '../identity/authenticate.ts';
import { countAuthFailures } from '../identity/auth-failures.ts';
import { createAuthenticator } from '../identity/oidc-authenticator.ts';
import { Checkpoints } from '../log/checkpoints.ts';
import { createErasures } from '../log/erasures.ts';
import { createLog } from '../log/log.ts';
import { recordedReply } from '../log/payload.ts';
import { publishedInFile, publishToAddress, publishToFile, publishToStream } from '../log/publish.ts';
import { maskedFromRecord } from '../masking/recorded.ts';
import { createReveals } from '../masking/reveals.ts';
import { openSecondOpinion } from '../masking/second-opinion-thread.ts';
import { openPolicySource } from '../policy/policy-source.ts';
import { createApprovalRecords } from '../store/approval-records.ts';
import { createGrantRecords } from '../store/grant-records.ts';
import { announceBroker } from '../store/broker-presence.ts';
import { createCancellations } from '../store/cancellations.ts';
import { loadKeys } from '../store/keys.ts';
import { createDeliveryRecords } from '../store/delivery-records.ts';
import { createLeaseRecords } from '../store/lease-records.ts';
import { payloadRecords, storeLogSource } from '../store/log-source.ts';
import { createRevealRecords } from '../store/reveal-records.ts';
import { openLogTree } from '../store/log-tree.ts';
import { openPostgresStore } from '../store/postgres-store.ts';
import { createRepeatedCalls } from '../store/repeated-calls.ts';
import { createSessions } from '../store/sessions.ts';
import { createSwitchRecords } from '../store/switch-records.ts';
import { createTokenVault, expiredTokens } from '../store/token-records.ts';
import { openSqliteStore } from '../store/sqlite-store.ts';
import { createOperatorDesk } from '../switches/operator-desk.ts';
import { openSwitchGate } from '../switches/switch-gate.ts';
import type { BackendChange } from '../../tools/tool-kind.ts';
import { openPeopleSide } from './compose-people.ts';
import { implementations } from './implementations.ts';
import { openRequests } from './compose-requests.ts';
import { openSlack } from './compose-slack.ts';
import { startRetaining, startRewrapping } from './compose-upkeep.ts';
import { knownFrom } from './policy-surroundings.ts';
import { version } from './version.ts';

/** What references in policy files are resolved from. */
type Environment = Readonly<Record<string, string | undefined>>;

export interface OpenBroker extends AsyncDisposable {
  readonly broker: RunningBroker;
  readonly authenticator: Authenticator;
  /** Undefined where the configuration does not say how people sign in. */
  readonly people: PeopleSide | undefined;
  /** Undefined where nobody decides in Slack. */
  readonly slack: SlackSide | undefined;
  readonly cancellations: Cancellations;
  /** What must hold for calls to be served, by name. */
  readinessChecks(): readonly { readonly name: string; readonly ok: boolean }[];
  /** What the broker has counted, as Prometheus reads it. */
  metricsText(): string;
  /** Reads the policy files again: a valid set takes over, an invalid one is refused and said in the log. */
  reloadPolicies(): Promise<void>;
}

/** Opens everything a broker stands on. Throws ConfigurationError for policy files that do not hold. Disposing of it ends its leases. */
export async function openBroker(config: Config, logger: Logger, env: Environment = process.env): Promise<OpenBroker> {
  const clock = systemClock;
  const id = uuidv7(clock.now());
  await using opening = new AsyncDisposableStack();

  const keys = await loadKeys(config.keysDirectory);
  const store = opening.use(await openStore(config, keys, clock));
  opening.use(await signCheckpoints(config, store, keys, logger));
  const log = createLog({ store, broker: id });
  opening.use(startRewrapping({ store, log, keys, logger }));
  opening.use(await announceBroker({ store, log, clock, broker: id, version }));

  const known = opening.use(implementations(keys));
  const policies = opening.use(
    await openPolicySource(config.policiesDirectory, {
      load: { ...known, env, ...knownFrom(config) },
      async onLoaded(set) {
        const counts = { tools: set.tools.size, rules: set.rules.length };
        await log.append([{ body: { type: 'policy.loaded', policy: set.version, ...counts } }]);
        logger.info({ policy: set.version, ...counts }, 'policies loaded');
      },
      async onRefused(problems) {
        const texts = problems.map(problemText);
        logger.error({ problems: texts }, 'policies refused; the ones before stay in force');
        await log.append([{ body: { type: 'policy.refused', problems: texts } }]);
      },
    }),
  );

  const changed = (change: BackendChange): void => {
    logger.warn(change, 'tools of a backend are not what was accepted; they are hidden');
    log.append([{ body: changedEntry(change) }]).catch((error: unknown) => {
      logger.error({ err: error, backend: change.backend }, 'a change of tools could not be written down');
    });
  };
  for (const kind of known.kinds) opening.use(kind.watch?.(changed));

  const records = createLeaseRecords(store);
  const backends = (): Iterable<BackendRef> => backendsOf(policies.current());
  const leases = opening.use(
    createLeases({ providers: known.providers, log, records, clock, logger, broker: id, backends }),
  );
  leases.start();

  const failures = opening.use(countAuthFailures({ append: (entries) => log.append(entries), clock, logger }));
  const verifier = createAuthenticator({ issuers: config.issuers, clock, logger });
  const authenticator: Authenticator = {
    ...verifier,
    async authenticate(authorization) {
      const result = await verifier.authenticate(authorization);
      if ('failure' in result) failures.count(result);
      return result;
    },
  };
  void verifier.prepare();

  const switchRecords = createSwitchRecords(store);
  const switches = opening.use(await openSwitchGate({ records: switchRecords, leases, clock, logger }));

  const approvalRecords = createApprovalRecords(store);
  const deliveries = createDeliveryRecords(store);
  const approvals = createApprovals({
    records: approvalRecords,
    grants: createGrantRecords(store),
    outbox: deliveries,
    log,
    clock,
    isBlocked: (person) => switches.isBlocked(person),
  });
  const expire = (): void => {
    approvals.expireOverdue().catch((error: unknown) => {
      logger.warn({ err: error }, 'approvals whose time is up could not be ended; it is tried again');
    });
  };
  const expiring = setInterval(expire, APPROVAL_EXPIRY_INTERVAL_MS).unref();
  opening.defer(() => clearInterval(expiring));
  const sweeping = setInterval(() => {
    // What is left over is removed the next time.
    store.commit({ statements: [expiredTokens(clock.now())] }).catch(() => undefined);
  }, TOKEN_SWEEP_INTERVAL_MS).unref();
  opening.defer(() => clearInterval(sweeping));
  const metrics = new Metrics();
  const vault = createTokenVault({ store, clock, derivation: keys.tokenDerivation, sealing: keys.tokenSealing });
  const source = storeLogSource(store);
  const broker = createBroker({
    policies: () => policies.current(),
    sessions: createSessions({ store, clock }),
    switches,
    approvals,
    log,
    leases,
    repeated: createRepeatedCalls({
      store,
      clock,
      broker: id,
      recordedReply: (invocation) => recordedReply(source, keys.payload, invocation),
      restore: maskedFromRecord,
    }),
    tokens: vault,
    secondOpinion: opening.use(openSecondOpinion({ sample: config.masking.secondOpinion, random: Math.random })),
    metrics,
    logger,
    clock,
    digestKey: keys.digest,
  });
  opening.defer(() => broker.drain(0));

  const tool = (name: string): Tool | undefined => policies.current().tools.get(name);
  const requestOf = openRequests(source, keys.payload);
  const desk = createApprovalDesk({
    records: approvalRecords,
    reviews: approvals,
    grants: approvals,
    deliveries,
    roles: config.roles,
    clock,
    tool,
    requestOf,
  });
  const operators = createOperatorDesk({
    records: switchRecords,
    log,
    clock,
    policies: () => policies.current(),
    withdraw: (target, person) => approvals.withdraw(target, person),
    look: () => switches.look(),
  });
  const erasures = createErasures({ log, payloads: payloadRecords(store), rules: config.retention, clock });
  opening.use(startRetaining({ erasures, logger }));
  const { revealTakesTwo: secondPerson } = config.masking;
  const reveals = createReveals({ vault, records: createRevealRecords(store), log, clock, secondPerson });
  const people = openPeopleSide(config, {
    desk,
    operators,
    switches,
    erasures,
    reveals,
    keys,
    log,
    clock,
    logger,
    failures,
  });
  const told = { store, log, approvals: approvalRecords, deliveries, reviews: approvals, requestOf, tool };
  const { delivering, clicks } = await openSlack(config, { ...told, clock, logger });
  opening.use(delivering);

  const readinessChecks: OpenBroker['readinessChecks'] = () => [
    { name: 'store', ok: store.health().ok },
    { name: 'keys', ok: verifier.health().ok },
  ];

  const open = opening.move();
  return {
    broker,
    authenticator,
    people,
    slack: clicks,
    cancellations: createCancellations({ store, clock }),
    readinessChecks,
    metricsText: () => metrics.text(readinessChecks()),
    reloadPolicies: () => policies.reload(),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

function openStore(config: Config, keys: Keys, clock: Clock): Promise<Store> {
  const { store, dataDirectory, durableWithinMs: deadlineMs } = config;
  return store === undefined
    ? openSqliteStore({ file: join(dataDirectory, 'sallyport.db'), keys, clock, deadlineMs })
    : openPostgresStore({ url: store.reveal(), keys, clock, deadlineMs });
}

/** Signs what the log has grown to, and refuses to start on a store that does not continue what was published. */
async function signCheckpoints(
  { checkpoints }: Config,
  store: Store,
  keys: Keys,
  logger: Logger,
): Promise<Checkpoints> {
  const { file, address, stdout } = checkpoints;
  const publish = [
    ...(file === undefined ? [] : [publishToFile(file)]),
    ...(address === undefined ? [] : [publishToAddress(address)]),
    ...(stdout ? [publishToStream(process.stdout)] : []),
  ];
  const kept = file === undefined ? undefined : await publishedInFile(file);
  const options = { tree: await openLogTree(store), keys: keys.checkpoint, publish, logger };
  return Checkpoints.start(options, kept === undefined ? [] : [kept]);
}

/** An upstream that renames a thousand tools makes one entry, of a length that can be read. */
function changedEntry({ backend, tools }: BackendChange): EntryBody {
  const more = tools.length - MAX_CHANGES_IN_ENTRY;
  return {
    type: 'upstream.changed',
    backend,
    tools: tools.slice(0, MAX_CHANGES_IN_ENTRY),
    ...(more > 0 ? { more } : {}),
  };
}

function backendsOf(policies: PolicySet): Iterable<BackendRef> {
  return new Map([...policies.tools.values()].map(({ backend }) => [backend.name, backend])).values();
}
