// What an approval needs and what people said: the words that policy, the approve door, the API and the console share.
import type { GivenAccess, GrantLimits } from './grants.ts';

/** The `approval` block of one rule, and the rule it stands in. */
export interface ApprovalRequirement {
  readonly rule: string;
  readonly approvers: { readonly groups: readonly string[]; readonly people: readonly string[] };
  /** How many distinct people must approve. At least 1. */
  readonly quorum: number;
  /** At least so many of them from each of these groups. */
  readonly perGroup: Readonly<Record<string, number>>;
  readonly expiresAfterMs: number;
  /** Whether the approver must say why. */
  readonly reasonRequired: boolean;
  /** Whether the agent must say why it makes the call. */
  readonly justificationRequired?: boolean;
  /** What may be given in the place of the one call; undefined where nothing may. */
  readonly grant?: GrantLimits | undefined;
  /** Where else approvers are told. */
  readonly notify?: readonly Channel[];
}

/** A way to people besides the console, the API and the command line. */
export type Channel = (typeof CHANNELS)[number];
export const CHANNELS = ['slack'] as const;

/** A person, from a verified sign-in at the issuer that `people` names. */
export interface Person {
  readonly issuer: string;
  readonly subject: string;
  /** For other people to recognise: a name or an address; else the subject. */
  readonly name: string;
  readonly groups: readonly string[];
}

/** A person as entries of the log and rows of the store name them. */
export type NamedPerson = Pick<Person, 'issuer' | 'subject' | 'name'>;

export function named({ issuer, subject, name }: Person): NamedPerson {
  return { issuer, subject, name };
}

/** What a person may open; see `roles` in src/config.ts. Who may review what is the rule's business alone. */
export type Role = (typeof ROLES)[number];
export const ROLES = ['approver', 'auditor', 'admin', 'revealer'] as const;

export interface Review {
  readonly person: Person;
  readonly verdict: 'approve' | 'deny';
  readonly reason: string | undefined;
  /** Access for a while, in the place of the one call. */
  readonly grant?: GivenAccess | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
}

export type ApprovalState = (typeof APPROVAL_STATES)[number];
export const APPROVAL_STATES = ['pending', 'approved', 'denied', 'expired', 'cancelled', 'used'] as const;

/** One approval, as the store has it. */
export interface Approval {
  /** UUIDv7. */
  readonly id: string;
  /** Of the call it was asked for, and the only one it can be used for; see src/core/digest.ts. */
  readonly digest: string;
  readonly state: ApprovalState;
  readonly principal: { readonly issuer: string; readonly subject: string; readonly actor: string };
  readonly session: string;
  readonly tool: string;
  readonly backend: string;
  /** The invocation that asked first: its arguments are the payload of the `approval.requested` entry. */
  readonly invocation: string;
  readonly policy: string;
  /** One for each deciding rule; every one must be met. */
  readonly requirements: readonly ApprovalRequirement[];
  /** What a grant would cover; undefined where the rules allow none. See src/core/digest.ts. */
  readonly grantScope?: string | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly requestedAt: number;
  readonly expiresAt: number;
  /** The invocation that takes the permit: the newest that waits. */
  readonly waiter: string | undefined;
  /** The invocation it was used for. */
  readonly usedBy: string | undefined;
  readonly reviews: readonly Review[];
}

/** What a look at a call's effect found, as people are shown it. */
export type ShownPreview =
  | {
      /** `orders: 3, total: 412.50`: one for each row. */
      readonly lines: readonly string[];
      /** How the backend would go about the call. */
      readonly plan: string | undefined;
    }
  /** Why there is nothing to be seen. */
  | { readonly withheld: string };

/** Why a review, or a withdrawal, was not taken. */
export type ReviewRefused =
  | 'unknown'
  | 'own_call'
  | 'not_an_approver'
  | 'reason_missing'
  | 'already_reviewed'
  | 'already_decided'
  | 'over'
  | 'grant_too_wide'
  | 'blocked';

export interface ApprovalFilter {
  readonly state?: ApprovalState;
  readonly limit: number;
}
