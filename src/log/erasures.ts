// Erases payloads, so that the log still verifies: the entries stay, and one more says what is gone, why and at whose word.
// Those of entries, of one call, of all that is older than a day, or of what a retention rule is about.
import { named, type Person } from '../core/approval.ts';
import type { Clock } from '../core/clock.ts';
import { MAX_ERASED_ENTRIES } from '../core/limits.ts';
import type { Log } from '../core/log.ts';
import type { KeptPayload, PayloadRecords } from '../core/payload-records.ts';
import { Conflict } from '../core/store.ts';

/** What is not kept longer than a while. Undefined members leave nothing out. */
export interface RetentionRule {
  readonly name: string;
  readonly afterMs: number;
  /** As the configuration writes it: `90d`. */
  readonly after: string;
  readonly tools?: readonly string[] | undefined;
  /** Of entries. */
  readonly types?: readonly string[] | undefined;
}

/** Exactly one of the first four. */
export interface ErasureRequest {
  /** Numbers of entries. */
  readonly entries?: readonly number[] | undefined;
  readonly invocation?: string | undefined;
  /** RFC 3339: everything that was written earlier. */
  readonly before?: string | undefined;
  /** Name of a retention rule: what it is about now, without waiting for its turn. */
  readonly retention?: string | undefined;
  readonly reason: string;
}

export interface Erasures {
  /**
   * Resolves with how many payloads are gone, with their salts: durable, and named in the log. `missing`: one of `entries`
   * has none, and nothing was erased; `unknown_rule`: no retention rule has this name. Rejects with StoreError: some may be
   * gone then, and the log names those.
   */
  erase(person: Person, request: ErasureRequest): Promise<number | 'missing' | 'unknown_rule'>;
  /** Erases what the rules are about by now. Rejects as `erase` does. Several brokers may do so at once. */
  retain(): Promise<number>;
}

export interface ErasuresOptions {
  readonly log: Log;
  readonly payloads: PayloadRecords;
  readonly rules?: readonly RetentionRule[];
  readonly clock: Clock;
}

interface Wanted {
  /** RFC 3339 in UTC with milliseconds, exclusive. */
  readonly before: string;
  readonly tools?: readonly string[] | undefined;
  readonly types?: readonly string[] | undefined;
}

interface Why {
  readonly reason: string;
  /** Absent where a rule did it by itself. */
  readonly person?: Person;
}

export function createErasures({ log, payloads, rules = [], clock }: ErasuresOptions): Erasures {
  /** By rule, the number up to which everything is old enough to have been looked at. */
  const lookedAt = new Map<string, number>();

  async function erase(entries: readonly number[], { reason, person }: Why): Promise<void> {
    const by = person === undefined ? {} : { person: named(person) };
    await log.append(
      [{ body: { type: 'payload.erased', entries, reason, ...by } }],
      entries.map((seq) => payloads.erased(seq)),
    );
  }

  /** False where somebody else erased one of them meanwhile: what is left must be looked for again. */
  async function tryErase(entries: readonly number[], why: Why): Promise<boolean> {
    try {
      if (entries.length > 0) await erase(entries, why);
      return true;
    } catch (error) {
      if (error instanceof Conflict) return false;
      throw error;
    }
  }

  /** Entries stand in the order of their times, but for clocks that differ: the first that is too young ends no page. */
  async function eraseWanted(wanted: Wanted, why: Why, from = 0): Promise<{ count: number; settled: number }> {
    let count = 0;
    let settled: number | undefined;
    let after = from;
    for (;;) {
      const page = await payloads.after(after, MAX_ERASED_ENTRIES);
      const old = page.filter(({ time }) => time < wanted.before);
      const fitting = old.filter((kept) => fits(kept, wanted)).map(({ seq }) => seq);
      if (!(await tryErase(fitting, why))) continue;
      count += fitting.length;
      const young = page.find(({ time }) => time >= wanted.before);
      if (young !== undefined) settled ??= young.seq - 1;
      if (old.length === 0) return { count, settled: settled ?? after };
      after = page.at(-1)?.seq ?? after;
    }
  }

  async function apply(rule: RetentionRule, { reason, person }: Partial<Why> = {}): Promise<number> {
    const words = `retention rule ${rule.name}: older than ${rule.after}`;
    const before = new Date(clock.now() - rule.afterMs).toISOString();
    const why = { reason: reason === undefined ? words : `${words}; ${reason}`, ...(person && { person }) };
    const { count, settled } = await eraseWanted({ ...rule, before }, why, lookedAt.get(rule.name));
    lookedAt.set(rule.name, settled);
    return count;
  }

  return {
    async erase(person, { entries, invocation, before, retention, reason }) {
      const why = { reason, person };
      if (entries !== undefined) {
        const once = [...new Set(entries)];
        return (await tryErase(once, why)) ? once.length : 'missing';
      }
      if (retention !== undefined) {
        const rule = rules.find(({ name }) => name === retention);
        return rule === undefined ? 'unknown_rule' : apply(rule, why);
      }
      if (invocation === undefined) {
        return (await eraseWanted({ before: new Date(before ?? 0).toISOString() }, why)).count;
      }
      let count = 0;
      for (;;) {
        const found = await payloads.ofInvocation(invocation, MAX_ERASED_ENTRIES);
        if (found.length === 0) return count;
        if (await tryErase(found, why)) count += found.length;
      }
    },

    async retain() {
      let count = 0;
      for (const rule of rules) count += await apply(rule);
      return count;
    },
  };
}

function fits({ tool, type }: KeptPayload, { tools, types }: Wanted): boolean {
  return (tools === undefined || (tool !== null && tools.includes(tool))) && (types?.includes(type) ?? true);
}
