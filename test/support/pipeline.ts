// The pipeline over a real store and a real log, with a tool, a credential and faults that a test holds in its hand.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApprovals } from '../../src/approval/approvals.ts';
import { createBroker, type Ports, type RunningBroker } from '../../src/broker.ts';
import type { ApprovalRecords } from '../../src/core/approval-records.ts';
import type { Reviews } from '../../src/core/approvals.ts';
import type { Call } from '../../src/core/broker.ts';
import type { Payloads } from '../../src/core/entry.ts';
import { systemClock, type Clock } from '../../src/core/clock.ts';
import type { LeaseHold, Leases } from '../../src/core/credential.ts';
import { Lease, type Intent } from '../../src/core/evidence.ts';
import type { Grants } from '../../src/core/grants.ts';
import type { Keys } from '../../src/core/keys.ts';
import type { Logger } from '../../src/core/logger.ts';
import { Metrics } from '../../src/core/metrics.ts';
import type { PolicySet, Rule } from '../../src/core/policy.ts';
import { Principal } from '../../src/core/principal.ts';
import { Secret } from '../../src/core/secret.ts';
import type { Store } from '../../src/core/store.ts';
import type { Tool, ToolAnswer, ToolCall } from '../../src/core/tool.ts';
import { createLog } from '../../src/log/log.ts';
import { recordedReply, requestedPayloads } from '../../src/log/payload.ts';
import { maskCompiler } from '../../src/masking/mask-compiler.ts';
import { maskedFromRecord } from '../../src/masking/recorded.ts';
import { openSecondOpinion } from '../../src/masking/second-opinion-thread.ts';
import { loadKeys } from '../../src/store/keys.ts';
import { createApprovalRecords } from '../../src/store/approval-records.ts';
import { createDeliveryRecords } from '../../src/store/delivery-records.ts';
import { createGrantRecords } from '../../src/store/grant-records.ts';
import { storeLogSource } from '../../src/store/log-source.ts';
import { createRepeatedCalls } from '../../src/store/repeated-calls.ts';
import { createSessions } from '../../src/store/sessions.ts';
import { createSwitchRecords } from '../../src/store/switch-records.ts';
import { createOperatorDesk, type OperatorDesk } from '../../src/switches/operator-desk.ts';
import { openSwitchGate, type SwitchGate } from '../../src/switches/switch-gate.ts';
import { createTokenVault } from '../../src/store/token-records.ts';
import { openSqliteStore } from '../../src/store/sqlite-store.ts';
import { holdToSchema } from './entry-form.ts';

/** Planted wherever a secret could get lost; nothing that leaves or is written may hold it. */
export const CANARY = 'canary-5d1f7a';

export interface EntryRow {
  readonly seq: number;
  readonly type: string;
  readonly invocation?: string;
  readonly [key: string]: unknown;
}

export interface Pipeline extends AsyncDisposable {
  readonly broker: RunningBroker;
  readonly store: Store;
  readonly leases: CountingLeases;
  readonly metrics: Metrics;
  readonly approvals: ApprovalRecords;
  readonly reviews: Reviews;
  readonly grants: Grants;
  readonly switches: SwitchGate;
  readonly operators: OperatorDesk;
  expireOverdue(): Promise<void>;
  /** What was kept of a call when approval was asked for it. */
  requested(invocation: string): Promise<Payloads | undefined>;
  /** Calls that reached the backend. */
  readonly backendCalls: readonly ToolCall[];
  /** Everything the process said about itself. */
  readonly said: readonly string[];
  call(more?: Partial<Call>): Call;
  entries(): Promise<readonly EntryRow[]>;
  /** Every byte of the store's files, as text. */
  readonly directory: string;
}

export interface PipelineOptions {
  readonly answer?: (call: ToolCall) => Promise<ToolAnswer> | ToolAnswer;
  readonly readOnly?: boolean;
  readonly timeoutMs?: number;
  readonly rules?: readonly Rule[];
  readonly mask?: Tool['mask'];
  /** Changes the tool. */
  readonly tool?: (tool: Tool) => Tool;
  /** One of several brokers on one store: its id, the keys that all of them have, and a connection of its own. */
  readonly shared?: { readonly broker: string; readonly keys: Keys; openStore: () => Promise<Store> };
  readonly clock?: Clock;
  /** Puts faulty ports in the place of good ones. */
  readonly faults?: (ports: Ports) => Partial<Ports>;
}

const agent = principal('robot');

export function principal(subject: string): Principal {
  return Principal.verified({
    issuer: 'https://issuer.example',
    subject,
    actor: 'support-agent',
    groups: ['support'],
    scopes: [],
    claims: {},
    expiresAt: Date.now() + 3_600_000,
  });
}

export function rule(effect: Rule['effect'], more: Partial<Rule> = {}): Rule {
  return {
    id: `test-${effect}`,
    effect,
    message: undefined,
    approval: undefined,
    definitionHash: 'rule',
    concerns: () => true,
    when: () => true,
    ...more,
  };
}

export async function startPipeline(options: PipelineOptions = {}): Promise<Pipeline> {
  const directory = await mkdtemp(join(tmpdir(), 'sallyport-pipeline-'));
  const {
    broker: brokerId = 'broker-a',
    keys = await loadKeys(join(directory, 'keys')),
    openStore,
  } = options.shared ?? {};
  const store = await (openStore?.() ?? openSqliteStore({ file: join(directory, 'store.db'), keys }));
  const backendCalls: ToolCall[] = [];
  const said: string[] = [];
  const leases = new CountingLeases();
  const say = (fields: object, message: string): void => void said.push(JSON.stringify({ ...fields, message }));
  const logger: Logger = { debug: say, info: say, warn: say, error: say };
  const compiler = maskCompiler({ hashKey: randomBytes(32) });

  const tool: Tool = {
    name: 'touch',
    title: undefined,
    description: undefined,
    backend: {
      name: 'thing',
      kind: 'test',
      definitionHash: 'backend',
      resolvedHash: new Secret('resolved'),
      credential: { kind: 'test', scope: 'session', ttlMs: 60_000, options: {} },
    },
    definitionHash: 'tool',
    inputSchema: { type: 'object' },
    outputSchema: undefined,
    annotations: { readOnly: options.readOnly ?? false, destructive: false, idempotent: false },
    timeoutMs: options.timeoutMs ?? 5_000,
    validate: (args) => ('bad' in args ? ['bad: is not an argument of this tool'] : []),
    mask:
      options.mask ??
      compiler.compile([
        { declaration: compiler.declaration.parse({ path: '$.secret', with: 'redact' }), report: () => undefined },
      ]),
    maskArguments: (args) => args,
    async call(call) {
      backendCalls.push(call);
      return options.answer === undefined ? { structured: { done: true, secret: CANARY } } : options.answer(call);
    },
  };
  const policies: PolicySet = {
    version: 'policy',
    tools: new Map([['touch', options.tool?.(tool) ?? tool]]),
    rules: options.rules ?? [rule('allow')],
  };
  const log = createLog({ store, broker: brokerId });
  const metrics = new Metrics();
  const secondOpinion = openSecondOpinion({ sample: 1, random: () => 0 });
  const clock = options.clock ?? systemClock;
  await store.commit({
    statements: [
      {
        sql: 'insert into brokers (id, started_at, heartbeat_at) values (?, ?, ?)',
        parameters: [brokerId, clock.now(), clock.now()],
      },
    ],
  });
  const switchRecords = createSwitchRecords(store);
  const switches = await openSwitchGate({ records: switchRecords, leases, clock, logger });
  const records = createApprovalRecords(store);
  const approvals = createApprovals({
    records,
    grants: createGrantRecords(store),
    outbox: createDeliveryRecords(store),
    log,
    clock,
    isBlocked: (person) => switches.isBlocked(person),
  });
  const ports: Ports = {
    policies: () => policies,
    sessions: createSessions({ store, clock }),
    switches,
    approvals,
    log,
    leases,
    repeated: createRepeatedCalls({
      store,
      clock,
      broker: brokerId,
      recordedReply: (invocation) => recordedReply(storeLogSource(store), keys.payload, invocation),
      restore: maskedFromRecord,
    }),
    tokens: createTokenVault({ store, clock, derivation: keys.tokenDerivation, sealing: keys.tokenSealing }),
    secondOpinion,
    metrics,
    logger,
    clock,
    digestKey: keys.digest,
  };
  const broker = createBroker({ ...ports, ...options.faults?.(ports) });

  return {
    broker,
    store,
    leases,
    metrics,
    approvals: records,
    reviews: approvals,
    grants: approvals,
    switches,
    operators: createOperatorDesk({
      records: switchRecords,
      log,
      clock,
      policies: () => policies,
      withdraw: (target, person) => approvals.withdraw(target, person),
      look: () => switches.look(),
    }),
    expireOverdue: () => approvals.expireOverdue(),
    requested: (invocation) => requestedPayloads(storeLogSource(store), keys.payload, invocation),
    backendCalls,
    said,
    directory,
    call: (more = {}) => ({
      principal: agent,
      sessionLabel: undefined,
      tool: 'touch',
      arguments: {},
      signal: new AbortController().signal,
      patience: { ms: 55_000, comesBack: false },
      identifyMs: 0,
      ...more,
    }),
    async entries() {
      const rows = await store.query<{ seq: number; body: string }>({
        sql: 'select seq, body from entries order by seq',
        parameters: [],
      });
      const entries = rows.map(({ body }) => JSON.parse(body) as EntryRow);
      entries.forEach(holdToSchema);
      return entries.map((entry, index) => ({ ...entry, seq: rows[index]?.seq ?? 0 }));
    },
    async [Symbol.asyncDispose]() {
      await broker.drain(0);
      await secondOpinion[Symbol.asyncDispose]();
      switches[Symbol.dispose]();
      await store[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Hands out leases whose secret is the canary, and counts who holds one. */
export class CountingLeases implements Leases {
  held = 0;
  issued = 0;
  readonly #ended = new AbortController();

  async acquire(_intent: Intent, backend: Tool['backend']): Promise<LeaseHold> {
    this.held += 1;
    this.issued += 1;
    const lease = Lease.issued({
      id: `lease-${String(this.issued)}`,
      backend: backend.name,
      provider: 'test',
      credential: { user: 'lease', password: new Secret(CANARY) },
      expiresAt: Date.now() + 60_000,
      ended: this.#ended.signal,
      resources: new AsyncDisposableStack(),
    });
    return {
      lease,
      [Symbol.asyncDispose]: async () => {
        this.held -= 1;
      },
    };
  }

  async stop(): Promise<void> {
    // What runs is stopped by the call's own signal.
  }

  holds(): boolean {
    return true;
  }

  async sweep(): Promise<void> {
    // Nothing outlives its broker here.
  }

  async endSession(): Promise<void> {
    this.#ended.abort();
  }

  async endAll(): Promise<void> {
    this.#ended.abort();
  }
}
