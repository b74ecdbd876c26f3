// Log entries, as they are handed to the store. `seq` and `time` are given where they are committed.
import type { ApprovalState, NamedPerson } from './approval.ts';
import { rememberCanonical } from './canonical-json.ts';
import type { RefusalCode } from './errors.ts';
import type { MaskCounts } from './evidence.ts';
import type { GrantEnd } from './grants.ts';
import type { DecisionReason, Effect, Invocation } from './invocation.ts';
import type { JsonObject } from './json.ts';
import type { Tool } from './tool.ts';
import type { Principal, PrincipalFacts } from './principal.ts';
import type { PrincipalKind } from './switches.ts';

/** Principal as it stands in entries. */
export interface EntryPrincipal {
  readonly issuer: string;
  readonly subject: string;
  readonly actor: string;
}

/** What every entry about an invocation carries. */
interface OfInvocation {
  readonly invocation: string;
  readonly session: string;
  readonly principal: EntryPrincipal;
  readonly tool: string;
  readonly policy: string;
}

/** What every entry about an approval carries. */
interface OfApproval {
  readonly approval: string;
  readonly principal: EntryPrincipal;
  readonly session: string;
  readonly tool: string;
  readonly backend: string;
  readonly policy: string;
}

interface Decided {
  readonly effect: Effect;
  readonly reason: DecisionReason;
  readonly rules: readonly string[];
}

/** Milliseconds each door took: `{"identify":0.1,"decide":0.02,…}`. */
export type DoorTimes = Readonly<Record<string, number>>;

export type EntryBody =
  | (OfInvocation & {
      readonly type: 'refused';
      readonly code: RefusalCode;
      readonly detail?: string;
      readonly decision?: Decided;
      readonly doors?: DoorTimes;
    })
  | (OfInvocation & {
      readonly type: 'intent';
      readonly backend: string;
      readonly digest: string;
      readonly decision: Decided;
      readonly approval?: string;
      readonly grant?: string;
      /** The approval whose approvers it was made for: a look at what the call would do, and not the call. */
      readonly preview?: string;
    })
  | (OfInvocation & {
      readonly type: 'outcome';
      readonly backend: string;
      /** `failed`: it had no effect. `unknown`: its answer was lost. `withheld`: it ran, and nothing was shown. */
      readonly outcome: 'succeeded' | 'failed' | 'unknown' | 'withheld' | 'cancelled';
      readonly code?: RefusalCode;
      readonly detail?: string;
      readonly lease?: string;
      readonly masked?: MaskCounts;
      /** The invocation whose reply this one was given: an identical call that ran once for both. It then has no intent of its own. */
      readonly joined?: string;
      readonly truncated?: boolean;
      readonly bytes?: number;
      readonly doors: DoorTimes;
    })
  /** A second engine found a raw value where a mask stands. The outcome of the invocation is `withheld`. */
  | (OfInvocation & {
      readonly type: 'mask.disagreement';
      readonly backend: string;
      /** The mask's. */
      readonly path: string;
    })
  | (OfApproval & {
      readonly type: 'approval.requested';
      readonly invocation: string;
      readonly digest: string;
      readonly rules: readonly string[];
      /** RFC 3339. */
      readonly expires: string;
      /** The invocation that looked at what the call would do. */
      readonly preview?: string;
    })
  | (OfApproval & {
      readonly type: 'approval.reviewed';
      readonly person: NamedPerson;
      readonly verdict: 'approve' | 'deny';
      readonly reason?: string;
      /** Of the approval, once the review was counted. */
      readonly state: ApprovalState;
    })
  | (OfApproval & { readonly type: 'approval.used'; readonly invocation: string })
  | (OfApproval & {
      readonly type: 'grant.given';
      readonly grant: string;
      readonly uses: number;
      /** RFC 3339. */
      readonly expires: string;
    })
  | (OfApproval & {
      readonly type: 'grant.ended';
      readonly grant: string;
      readonly reason: GrantEnd;
      /** Who revoked it. */
      readonly person?: NamedPerson;
    })
  | (OfApproval & { readonly type: 'approval.expired' | 'approval.cancelled' })
  | {
      readonly type: 'lease.issued';
      readonly lease: string;
      readonly backend: string;
      readonly provider: string;
      /** What the credential is called at the backend (a role's name); never the secret. */
      readonly reference: string;
      readonly session: string;
      readonly principal: EntryPrincipal;
      readonly invocation: string;
      /** RFC 3339. */
      readonly expires: string;
    }
  | {
      readonly type: 'lease.revoked' | 'lease.expired';
      readonly lease: string;
      readonly backend: string;
      readonly reference: string;
      readonly session: string;
      readonly principal: EntryPrincipal;
      /** Why it ended: `session`, `invocation`, `ttl`, `shutdown`, `failed`, `sweep`, `grant`, `operator`. */
      readonly reason: string;
      /** Until when the credential is still good (RFC 3339), where its issuer could not be made to end it. */
      readonly validUntil?: string;
    }
  | {
      /** Nobody can end its credential: no policy file declares its backend any more. It stays open until one does. */
      readonly type: 'lease.stranded';
      readonly lease: string;
      readonly backend: string;
      readonly provider: string;
      readonly reference: string;
      readonly session: string;
      readonly principal: EntryPrincipal;
    }
  /** An operator takes it back: `lease.revoked` says when it is gone. */
  | {
      readonly type: 'lease.recalled';
      readonly lease: string;
      readonly backend: string;
      readonly provider: string;
      readonly reference: string;
      readonly session: string;
      readonly principal: EntryPrincipal;
      readonly reason: string;
      readonly person: NamedPerson;
    }
  | {
      readonly type: 'principal.blocked' | 'principal.unblocked';
      readonly kind: PrincipalKind;
      /** The subject, the agent, or the id of the session. */
      readonly name: string;
      /** Of a subject or agent; absent where every issuer is meant. */
      readonly issuer?: string;
      readonly reason: string;
      readonly person: NamedPerson;
    }
  | {
      readonly type: 'backend.disabled' | 'backend.enabled';
      readonly backend: string;
      readonly reason: string;
      readonly person: NamedPerson;
    }
  | { readonly type: 'policy.loaded'; readonly policy: string; readonly tools: number; readonly rules: number }
  | { readonly type: 'policy.refused'; readonly policy?: string; readonly problems: readonly string[] }
  /** Tools of a backend are there no longer what was accepted here: they are hidden, and calls of them refused. */
  | {
      readonly type: 'upstream.changed';
      readonly backend: string;
      /** By the backend's own names; those beyond the first hundred are counted. */
      readonly tools: readonly {
        readonly name: string;
        readonly change: 'changed' | 'added' | 'removed' | 'shadowing';
      }[];
      readonly more?: number;
    }
  | {
      readonly type: 'payload.erased';
      /** Numbers of the entries whose payloads are gone. */
      readonly entries: readonly number[];
      readonly reason: string;
      /** Who asked for it; absent where a retention rule did. */
      readonly person?: NamedPerson;
    }
  | {
      /** What older keys had sealed is sealed under a new one. */
      readonly type: 'key.rewrapped';
      readonly purpose: 'payload' | 'token-sealing';
      /** Id of the new key. */
      readonly key: string;
      readonly count: number;
    }
  /** A person asked to see what a token stands for, and a second one must agree. */
  | {
      readonly type: 'token.requested';
      readonly request: string;
      readonly token: string;
      readonly person: NamedPerson;
      readonly reason: string;
    }
  /** The second one did. */
  | {
      readonly type: 'token.approved';
      readonly request: string;
      readonly token: string;
      readonly person: NamedPerson;
    }
  /** Durable before the value is shown. */
  | {
      readonly type: 'token.revealed';
      readonly token: string;
      readonly person: NamedPerson;
      readonly reason: string;
      /** Both where it took two people. */
      readonly request?: string;
      readonly approver?: NamedPerson;
    }
  /** To the console. */
  | {
      readonly type: 'signin';
      readonly person: NamedPerson;
    }
  | {
      readonly type: 'auth.failures';
      readonly count: number;
      readonly reasons: Readonly<Record<string, number>>;
      readonly from: string;
      readonly to: string;
    }
  | { readonly type: 'broker.started' | 'broker.stopped'; readonly broker: string; readonly version: string };

/** Kept beside the entry, encrypted, bound to it by a salted hash, erasable. */
export interface Payloads {
  /** Arguments as sent. */
  readonly arguments?: JsonObject;
  /** The arguments as they may be shown, where the tool masks some. */
  readonly shown?: JsonObject;
  /** What rules saw of the caller beyond the entry, so that the decision can be made again. */
  readonly principal?: Pick<PrincipalFacts, 'groups' | 'scopes' | 'claims'>;
  /** Why the agent makes the call it asks approval for, in its own words. */
  readonly justification?: string;
  /** What left towards the agent, after masks. */
  readonly result?: JsonObject;
}

/** Claims that name a token or a login: they decide nothing, and would tie the log to what a provider knows. */
const TOKEN_CLAIMS: ReadonlySet<string> = new Set(['jti', 'nonce', 'sid', 'at_hash', 'c_hash', 's_hash']);

/** The payloads of an entry that begins or refuses a call. */
export function calledWith({ arguments: sent, principal }: Invocation, tool: Tool | undefined): Payloads {
  const shown = tool?.maskArguments(sent) ?? sent;
  const seen = seenByRules(principal);
  return shown === sent ? { arguments: sent, principal: seen } : { arguments: sent, shown, principal: seen };
}

type SeenByRules = NonNullable<Payloads['principal']>;

/** One principal makes many calls. */
const seen = new WeakMap<Principal, SeenByRules>();

function seenByRules(principal: Principal): SeenByRules {
  let facts = seen.get(principal);
  if (facts === undefined) {
    const claims = Object.entries(principal.claims).filter(([name]) => !TOKEN_CLAIMS.has(name));
    facts = rememberCanonical({
      groups: [...principal.groups],
      scopes: [...principal.scopes],
      claims: structuredClone(Object.fromEntries(claims)),
    });
    seen.set(principal, facts);
  }
  return facts;
}

export interface NewEntry {
  readonly body: EntryBody;
  /** Id of the broker process that writes it; given by src/log. */
  readonly broker?: string;
  readonly payloads?: Payloads;
}
