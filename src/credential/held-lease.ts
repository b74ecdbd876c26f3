// One lease of this process, from before its credential exists until it is known to be gone.
import type { Clock } from '../core/clock.ts';
import type { CredentialProvider, IssuedCredential, LeaseRequest } from '../core/credential.ts';
import { within } from '../core/deadline.ts';
import type { EntryBody } from '../core/entry.ts';
import { CredentialError, StoreError } from '../core/errors.ts';
import { Lease, type Intent } from '../core/evidence.ts';
import type { InboundToken } from '../core/inbound-token.ts';
import type { LeaseRecord, LeaseRecords } from '../core/lease-records.ts';
import { CANCEL_GRACE_MS } from '../core/limits.ts';
import type { Log } from '../core/log.ts';
import type { Logger } from '../core/logger.ts';
import { Conflict } from '../core/store.ts';
import { StoppedByOperator } from '../core/switches.ts';
import type { BackendRef, CredentialDeclaration } from '../core/tool.ts';
import { uuidv7 } from '../core/uuid.ts';
import { keepRenewed } from './renewal.ts';

/** A backend that has not made a credential by then is down. */
const ISSUE_TIMEOUT_MS = 10_000;
/** The longest a timer of Node's can wait; a sweep ends what lives longer. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export interface HeldLeasePorts {
  readonly providers: ReadonlyMap<string, CredentialProvider>;
  readonly log: Log;
  readonly records: LeaseRecords;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly broker: string;
  /** It holds nothing any more: its credential is revoked, or left to the sweep. */
  gone(lease: HeldLease): void;
}

export interface HeldLeaseFacts {
  readonly intent: Intent;
  readonly backend: BackendRef;
  readonly declaration: CredentialDeclaration;
  readonly inbound: InboundToken | undefined;
  readonly issuedAt: number;
  readonly expiresAt: number;
}

export class HeldLease {
  readonly id: string;
  readonly principalKey: string;
  readonly session: string;
  readonly issuedAt: number;
  /** Rejects with StoreError or CredentialError; then nothing is left of it, or the sweep sees to that. */
  readonly issued: Promise<Lease>;
  uses = 0;
  lastUsedAt: number;

  readonly #ports: HeldLeasePorts;
  readonly #provider: CredentialProvider;
  readonly #declaration: CredentialDeclaration;
  #record: LeaseRecord;
  #made: IssuedCredential | undefined;
  #expiresAt: number;
  readonly #ended = new AbortController();
  readonly #resources = new AsyncDisposableStack();
  #timer: NodeJS.Timeout;
  #renewal: Disposable | undefined;
  #recorded = false;
  #ending: Promise<void> | undefined;
  #endWhenIdle: string | undefined;

  constructor(ports: HeldLeasePorts, { intent, backend, declaration, inbound, issuedAt, expiresAt }: HeldLeaseFacts) {
    const { principal, session, id: invocation } = intent.permit.invocation;
    const provider = ports.providers.get(declaration.kind);
    if (provider === undefined) {
      throw new CredentialError('credential_unavailable', `no provider makes credentials of kind ${declaration.kind}`);
    }
    this.id = uuidv7(issuedAt);
    this.principalKey = principal.key;
    this.session = session;
    this.issuedAt = issuedAt;
    this.#expiresAt = expiresAt;
    this.lastUsedAt = issuedAt;
    this.#ports = ports;
    this.#provider = provider;
    this.#declaration = declaration;
    this.#record = {
      id: this.id,
      broker: ports.broker,
      backend: backend.name,
      provider: provider.kind,
      reference: provider.reference({ id: this.id, backend: backend.name, expiresAt }),
      principalKey: principal.key,
      principal: { issuer: principal.issuer, subject: principal.subject, actor: principal.actor },
      session,
      invocation,
      issuedAt,
      expiresAt,
      optionsHash: backend.definitionHash,
    };
    this.#timer = this.#endIn(expiresAt - issuedAt);
    this.issued = this.#issue(inbound);
    // Whoever waits for it hears of a failure; when nobody does any more, it is no fault of the process.
    this.issued.catch(() => this.end('failed'));
  }

  get record(): LeaseRecord {
    return this.#record;
  }

  /** What its credential is called at the backend. */
  get reference(): string {
    return this.#record.reference;
  }

  /** The first of what it was given and, once it is issued, what its credential lives for. */
  get expiresAt(): number {
    return this.#expiresAt;
  }

  /** Not told to end. */
  get isAlive(): boolean {
    return this.#ending === undefined;
  }

  /** Another call may get it. */
  get isOpen(): boolean {
    return this.isAlive && this.#endWhenIdle === undefined;
  }

  onEnd(then: () => void): void {
    this.#ended.signal.addEventListener('abort', then, { once: true });
  }

  /** Counts a call; the function it returns ends that, and the lease with it where nothing else keeps it. */
  use(): () => Promise<void> {
    this.uses += 1;
    this.lastUsedAt = this.#ports.clock.now();
    let released = false;
    return async () => {
      if (released) return;
      released = true;
      this.uses -= 1;
      this.lastUsedAt = this.#ports.clock.now();
      if (this.uses === 0 && this.#endWhenIdle !== undefined) await this.end(this.#endWhenIdle);
    };
  }

  /** No new call gets it; the last running one ends it. */
  endWhenIdle(reason: string): void {
    this.#endWhenIdle = reason;
    if (this.uses === 0 && reason !== 'invocation') void this.end(reason);
  }

  /** Stops its calls and revokes it. Never rejects: what fails stays on record for the sweep. */
  end(reason: string): Promise<void> {
    this.#ending ??= this.#end(reason);
    return this.#ending;
  }

  async #issue(inbound: InboundToken | undefined): Promise<Lease> {
    const { backend, reference } = this.#record;
    // On record before it exists: whatever happens from here on, somebody will know what to revoke.
    await this.#ports.log.append([{ body: issuedEntry(this.#record) }], [this.#ports.records.opened(this.#record)]);
    this.#recorded = true;
    const signal = AbortSignal.timeout(ISSUE_TIMEOUT_MS);
    const { id, expiresAt } = this;
    const named: LeaseRequest['named'] = (name, endsAt) => this.#know(name, endsAt);
    this.#made = await this.#provider
      .issue(this.#declaration.options, { id, backend, expiresAt, inbound, named }, reference, signal)
      .catch((error: unknown) => {
        if (error instanceof CredentialError || error instanceof StoreError) throw error;
        const detail = signal.aborted ? `no answer within ${String(ISSUE_TIMEOUT_MS)} ms` : 'fault of the provider';
        throw new CredentialError('credential_unavailable', `${backend}: ${detail}`, error);
      });
    await this.#mindItsEnd(this.#made);
    if (this.#ended.signal.aborted)
      throw new CredentialError('cancelled', 'the lease was ended while it was being made');
    return Lease.issued({
      id,
      backend,
      provider: this.#provider.kind,
      credential: this.#made.fields,
      expiresAt: this.#expiresAt,
      ended: this.#ended.signal,
      resources: this.#resources,
    });
  }

  /** A credential that ends before its lease is renewed until then, or the lease ends with it. */
  async #mindItsEnd({ endsAt, renew }: IssuedCredential): Promise<void> {
    if (endsAt === undefined) return;
    const { clock, logger } = this.#ports;
    if (!(endsAt > clock.now())) {
      throw new CredentialError('credential_unavailable', `${this.#record.backend}: its credential has ended already`);
    }
    if (this.#record.endsAt !== endsAt) await this.#know(this.#record.reference, endsAt);
    if (endsAt >= this.#expiresAt || this.#ended.signal.aborted) return;
    if (renew === undefined) {
      this.#expiresAt = endsAt;
      clearTimeout(this.#timer);
      this.#timer = this.#endIn(endsAt - clock.now());
      return;
    }
    this.#renewal = keepRenewed({
      ...{ clock, endsAt, until: this.#expiresAt, renew },
      renewed: (later) => this.#know(this.#record.reference, later),
      failed: (error) => logger.warn({ lease: this.id, reason: detailOf(error) }, 'a credential could not be renewed'),
      lapsed: () => void this.end('ttl'),
    });
  }

  async #know(reference: string, endsAt: number): Promise<void> {
    const { log, records } = this.#ports;
    await log.append([], [records.known(this.id, { reference, endsAt })]);
    this.#record = { ...this.#record, reference, endsAt };
  }

  #endIn(ms: number): NodeJS.Timeout {
    return setTimeout(() => void this.end('ttl'), Math.min(ms, MAX_TIMER_MS)).unref();
  }

  async #end(reason: string): Promise<void> {
    const { log, records, clock, logger } = this.#ports;
    clearTimeout(this.#timer);
    this.#ended.abort(reason === 'operator' ? new StoppedByOperator() : undefined);
    try {
      await this.issued.catch(() => undefined); // What is half made cannot be revoked yet.
      this.#renewal?.[Symbol.dispose]();
      await within(
        this.#resources.disposeAsync(),
        CANCEL_GRACE_MS,
        () => new Error('its connections do not close'),
      ).catch((error: unknown) => {
        logger.warn(
          { lease: this.id, reason: String(error) },
          'what used a lease did not stop; its credential is revoked anyway',
        );
      });
      if (!this.#recorded) return;
      const revoked = await this.#revoke();
      const entry = endedEntry(this.#record, reason, revoked ? undefined : this.#made?.endsAt);
      await log.append([{ body: entry }], [records.closed(this.id, clock.now())]);
    } catch (error) {
      if (!(error instanceof Conflict)) {
        logger.error(
          { lease: this.id, reason: detailOf(error) },
          this.#provider.revoke === undefined
            ? 'the credential of a lease could not be ended; it ends by itself'
            : 'a lease could not be ended; the sweep tries again',
        );
      }
    } finally {
      this.#ports.gone(this);
    }
  }

  /** Whether nothing of its credential is left. */
  async #revoke(): Promise<boolean> {
    const { revoke } = this.#made ?? {};
    if (revoke !== undefined) return await revoke();
    if (this.#provider.revoke === undefined) return this.#made === undefined;
    await this.#provider.revoke(this.#declaration.options, this.#record.reference);
    return true;
  }
}

function issuedEntry(record: LeaseRecord): EntryBody {
  const { id, backend, provider, reference, session, principal, invocation, expiresAt } = record;
  const expires = new Date(expiresAt).toISOString();
  return { type: 'lease.issued', lease: id, backend, provider, reference, session, principal, invocation, expires };
}

/** @param remains until when the credential is still good, as it could not be revoked; undefined where it is not */
export function endedEntry(record: LeaseRecord, reason: string, remains?: number): EntryBody {
  const { id, backend, reference, session, principal } = record;
  const type = reason === 'ttl' ? 'lease.expired' : 'lease.revoked';
  const validUntil = remains === undefined ? {} : { validUntil: new Date(remains).toISOString() };
  return { type, lease: id, backend, reference, session, principal, reason, ...validUntil };
}

function detailOf(error: unknown): string {
  return error instanceof Error ? error.message : typeof error;
}
