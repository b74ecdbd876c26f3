// What one door hands to the next. Each has a private constructor and one place that may call its static
// maker (a lint rule holds that), so that a skipped door does not compile. `brand` exists for the compiler alone:
// without it a literal of the same shape would pass for evidence.
import type { GrantSignals } from './grants.ts';
import type { Decision, Invocation } from './invocation.ts';
import type { Json, JsonObject } from './json.ts';
import type { Secret } from './secret.ts';

/** This exact invocation may run now. Made by the broker's decide and approve steps. */
export class Permit {
  declare protected readonly brand: 'Permit';
  readonly invocation: Invocation;
  readonly decision: Decision;
  /** Id of the approval that was used for it, if one was. */
  readonly approval: string | undefined;
  /** The grant it runs under, if it does. */
  readonly grant: PermitGrant | undefined;
  /** Id of the approval whose approvers are to see what the call would do: then it permits that look, and not the call. */
  readonly previewFor: string | undefined;

  private constructor(
    invocation: Invocation,
    decision: Decision,
    under: { readonly approval?: string; readonly grant?: PermitGrant; readonly previewFor?: string } = {},
  ) {
    this.invocation = invocation;
    this.decision = decision;
    this.approval = under.approval;
    this.grant = under.grant;
    this.previewFor = under.previewFor;
    Object.freeze(this);
  }

  /** Called by src/policy/decide.ts alone. */
  static allowed(invocation: Invocation, decision: Decision): Permit {
    if (decision.effect !== 'allow') throw new TypeError(`a decision to ${decision.effect} gives no permit`);
    return new Permit(invocation, decision);
  }

  /** Called by src/approval alone. */
  static approved(invocation: Invocation, decision: Decision, approval: string): Permit {
    if (decision.effect === 'deny') throw new TypeError('a decision to deny gives no permit');
    return new Permit(invocation, decision, { approval });
  }

  /** Called by src/approval alone. */
  static granted(invocation: Invocation, decision: Decision, grant: PermitGrant): Permit {
    if (decision.effect === 'deny') throw new TypeError('a decision to deny gives no permit');
    return new Permit(invocation, decision, { grant });
  }

  /** Called by src/approval alone. */
  static previewed(invocation: Invocation, decision: Decision, approval: string): Permit {
    if (decision.effect !== 'require_approval') throw new TypeError('nobody is asked about this call');
    return new Permit(invocation, decision, { previewFor: approval });
  }
}

/** What a call, and the lease it gets, must end with. */
export interface PermitGrant extends GrantSignals {
  readonly id: string;
  /** Milliseconds since the Unix epoch. */
  readonly expiresAt: number;
}

/** The intent of a permitted invocation is durable in the log. Made by src/log alone. */
export class Intent {
  declare protected readonly brand: 'Intent';
  readonly permit: Permit;
  /** Sequence number of the `intent` entry. */
  readonly seq: number;

  private constructor(permit: Permit, seq: number) {
    this.permit = permit;
    this.seq = seq;
    Object.freeze(this);
  }

  static recorded(permit: Permit, seq: number): Intent {
    return new Intent(permit, seq);
  }
}

/**
 * A credential as a provider gives it, for the backend's tool kind alone: `token` (a bearer token or API key), or `user` and
 * `password` (a login), or nothing at all. What is secret is a Secret. A provider may add what its own kind reads.
 */
export interface Credential {
  readonly [field: string]: string | Secret;
}

/**
 * A credential issued for a call or a session. It belongs to one principal, session, backend and broker process.
 * Made by src/credential alone.
 */
export class Lease {
  declare protected readonly brand: 'Lease';
  readonly id: string;
  readonly backend: string;
  /** The provider's kind, such as `postgres-role`. */
  readonly provider: string;
  readonly credential: Credential;
  /** Milliseconds since the Unix epoch. */
  readonly expiresAt: number;
  /** Aborted the moment the lease ends, before its credential is revoked: running calls must stop. */
  readonly ended: AbortSignal;
  /** What lives on the credential (pools, children): disposed of before the credential is revoked. */
  readonly resources: AsyncDisposableStack;

  private constructor(facts: LeaseFacts) {
    this.id = facts.id;
    this.backend = facts.backend;
    this.provider = facts.provider;
    this.credential = facts.credential;
    this.expiresAt = facts.expiresAt;
    this.ended = facts.ended;
    this.resources = facts.resources;
    Object.freeze(this);
  }

  static issued(facts: LeaseFacts): Lease {
    return new Lease(facts);
  }
}

export interface LeaseFacts {
  readonly id: string;
  readonly backend: string;
  readonly provider: string;
  readonly credential: Credential;
  readonly expiresAt: number;
  readonly ended: AbortSignal;
  readonly resources: AsyncDisposableStack;
}

/** How often each mask path, or detector, took something: `{"$.rows[*].email": 3}`. */
export type MaskCounts = Readonly<Record<string, number>>;

/** What may leave towards the agent. Made by src/masking alone; nothing else can be put into a result. */
export class Masked {
  declare protected readonly brand: 'Masked';
  /** The structured content; absent where the answer had none. */
  readonly structured: JsonObject | undefined;
  /** MCP content blocks. With structured content the first is its text twin. */
  readonly content: readonly Json[];
  readonly isError: boolean;
  readonly counts: MaskCounts;

  private constructor(facts: MaskedFacts) {
    this.structured = facts.structured;
    this.content = facts.content;
    this.isError = facts.isError;
    this.counts = facts.counts;
    Object.freeze(this);
  }

  static through(facts: MaskedFacts): Masked {
    return new Masked(facts);
  }
}

export interface MaskedFacts {
  readonly structured: JsonObject | undefined;
  readonly content: readonly Json[];
  readonly isError: boolean;
  readonly counts: MaskCounts;
}
