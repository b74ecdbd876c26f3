// What the log is told about one call, entry by entry, and what the caller is told when the log does not answer.
import { setTimeout as delay } from 'node:timers/promises';
import type { Reply } from './core/broker.ts';
import type { Stopwatch } from './core/clock.ts';
import { bounded } from './core/deadline.ts';
import { calledWith, type EntryBody, type NewEntry } from './core/entry.ts';
import { REFUSALS, refuse, StoreError, type Refusal } from './core/errors.ts';
import { Intent, type Masked, type Permit } from './core/evidence.ts';
import type { Decision, Invocation } from './core/invocation.ts';
import type { JsonObject } from './core/json.ts';
import { OUTCOME_RETRY_MS } from './core/limits.ts';
import type { Log } from './core/log.ts';
import type { Logger } from './core/logger.ts';
import type { CountedCall, Metrics } from './core/metrics.ts';
import type { Followed, RepeatedCalls } from './core/repeated-calls.ts';
import { Conflict, type Change, type Statement } from './core/store.ts';
import type { Tool } from './core/tool.ts';
import { recordOf } from './masking/recorded.ts';
import type { Ending } from './run-on-backend.ts';

export interface RecordPorts {
  readonly log: Log;
  readonly repeated: RepeatedCalls;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Aborted when the broker closes: an outcome that could not be written is then given up. */
  readonly closing: AbortSignal;
}

export class CallRecord {
  readonly #ports: RecordPorts;
  readonly #invocation: Invocation;
  readonly #policy: string;
  readonly #watch: Stopwatch;
  readonly #tool: Tool | undefined;

  /** @param tool undefined where there is none of the name: its masks count also where the call is refused before it is looked at */
  constructor(ports: RecordPorts, invocation: Invocation, policyVersion: string, watch: Stopwatch, tool?: Tool) {
    this.#tool = tool;
    this.#ports = ports;
    this.#invocation = invocation;
    this.#policy = policyVersion;
    this.#watch = watch;
  }

  /** The call was stopped before its intent. */
  async refused(refusal: Refusal, decision?: Decision): Promise<Reply> {
    const body: EntryBody = {
      ...this.#subject(),
      type: 'refused',
      code: refusal.code,
      ...(refusal.detail === undefined ? {} : { detail: refusal.detail }),
      ...(decision === undefined ? {} : { decision: decided(decision) }),
      doors: this.#watch.laps,
    };
    try {
      await bounded(this.#ports.log.append([{ body, payloads: calledWith(this.#invocation, this.#tool) }]));
    } catch (error) {
      return this.unlogged(error);
    }
    return this.#refusal(refusal);
  }

  /**
   * Rejects with Conflict when an identical call is running or `use` does not hold any more, with StoreError when nothing
   * could be written.
   */
  async intent(permit: Permit, tool: Tool, digest: string, use: Change): Promise<Intent> {
    const body = {
      ...this.#subject(),
      type: 'intent',
      backend: tool.backend.name,
      digest,
      decision: decided(permit.decision),
      ...(permit.approval === undefined ? {} : { approval: permit.approval }),
      ...(permit.grant === undefined ? {} : { grant: permit.grant.id }),
      ...(permit.previewFor === undefined ? {} : { preview: permit.previewFor }),
    } as const;
    const claim = tool.annotations.readOnly ? [] : this.#ports.repeated.claim(digest, this.#invocation);
    const payloads = calledWith(this.#invocation, tool);
    const more = { entries: use.entries ?? [], statements: [...claim, ...(use.statements ?? [])] };
    try {
      const intent: unknown = await bounded(this.#ports.log.intent(permit, body, payloads, more));
      if (!(intent instanceof Intent)) throw new StoreError('the log gave no evidence of the intent');
      return intent;
    } catch (error) {
      if (!(error instanceof Conflict) && claim.length > 0) this.#notMade(tool, error);
      throw error;
    }
  }

  /** An answer of the store can be lost, and the intent be kept all the same: identical calls would wait for this one. */
  #notMade(tool: Tool, error: unknown): void {
    const refusal = refuse('log_unavailable', { detail: reasonOf(error) });
    const entry = this.#outcomeEntry(tool, { outcome: 'failed', refusal, lease: undefined });
    void this.#writeLater(entry, [this.#ports.repeated.abandon(this.#invocation.id)]);
  }

  /** Without its outcome in the log, nothing of a result leaves. */
  async outcome(tool: Tool, ending: Ending): Promise<Reply> {
    const id = this.#invocation.id;
    const finish = tool.annotations.readOnly ? [] : [this.#end(ending)];
    const entry = this.#outcomeEntry(tool, ending);
    const tokens = 'result' in ending ? ending.tokens : undefined;
    try {
      await bounded(
        this.#ports.log.append(
          [entry, ...this.#disagreement(tool, ending)],
          [...finish, ...(tokens?.statements ?? [])],
        ),
      );
      tokens?.kept();
    } catch (error) {
      const refusal = refuse('outcome_unrecorded', { detail: reasonOf(error) });
      const late = this.#outcomeEntry(tool, { outcome: 'withheld', refusal, lease: ending.lease });
      void this.#writeLater(late, finish);
      return this.#refusal(refusal, 'withheld');
    }
    return this.#ended(ending, () => {
      if (!tool.annotations.readOnly) this.#ports.repeated.delivered(id);
    });
  }

  /** What had no effect may be made again at once; a reply that tells of one is kept for whoever asks again. */
  #end(ending: Ending): Statement {
    const { repeated } = this.#ports;
    const hadNoEffect = 'refusal' in ending && (ending.outcome === 'failed' || ending.outcome === 'cancelled');
    return hadNoEffect ? repeated.release(this.#invocation.id) : repeated.finish(this.#invocation.id);
  }

  /** An identical call ran once for both: its reply is this one's too. */
  async joined(tool: Tool, followed: Exclude<Followed, { kind: 'none' }>): Promise<Reply> {
    const ending: Ending =
      followed.kind === 'reply'
        ? { outcome: followed.reply.isError ? 'failed' : 'succeeded', result: followed.reply, lease: undefined }
        : {
            outcome: 'unknown',
            refusal: refuse('outcome_unknown', { detail: 'the broker that ran it died' }),
            lease: undefined,
          };
    const entry = this.#outcomeEntry(tool, ending, followed.invocation);
    try {
      await bounded(this.#ports.log.append([entry]));
    } catch (error) {
      return this.unlogged(error);
    }
    return this.#ended(ending, () => this.#ports.repeated.delivered(followed.invocation));
  }

  /** Stopped, with nothing in the log. */
  dropped(refusal: Refusal): Reply {
    return this.#refusal(refusal);
  }

  /** A person has not decided yet. The request for approval is in the log; this call of it has nothing to add. */
  waiting(state: string): Reply {
    return { kind: 'wait', invocation: this.#invocation.id, state, delivered: () => undefined };
  }

  /** The broker itself failed before the call ran. */
  async failed(error: unknown): Promise<Reply> {
    if (error instanceof StoreError) return this.unlogged(error);
    this.#ports.logger.error({ err: error, invocation: this.#invocation.id }, 'the broker failed in a call');
    return this.refused(refuse('internal', { detail: reasonOf(error) }));
  }

  /** Nothing could be written, so nothing happens. */
  unlogged(error: unknown): Reply {
    return this.#refusal(refuse('log_unavailable', { detail: reasonOf(error) }));
  }

  #subject() {
    const { id, session, principal, tool } = this.#invocation;
    const { issuer, subject, actor } = principal;
    return { invocation: id, session, principal: { issuer, subject, actor }, tool, policy: this.#policy };
  }

  #outcomeEntry(tool: Tool, ending: Ending, joined?: string): NewEntry {
    const shown = 'result' in ending ? resultFacts(ending.result) : refusalFacts(ending.refusal);
    const body: EntryBody = {
      ...this.#subject(),
      type: 'outcome',
      backend: tool.backend.name,
      outcome: ending.outcome,
      ...shown.facts,
      ...(ending.lease === undefined ? {} : { lease: ending.lease }),
      ...(joined === undefined ? {} : { joined }),
      doors: this.#watch.laps,
    };
    return joined === undefined ? { body, payloads: { result: shown.record } } : { body };
  }

  /** An alert: one of two engines is wrong, and until somebody knows which, this tool shows less than it could. */
  #disagreement(tool: Tool, ending: Ending): NewEntry[] {
    const path = 'refusal' in ending ? ending.disagreement : undefined;
    if (path === undefined) return [];
    this.#ports.metrics.disagreement();
    this.#ports.logger.error({ invocation: this.#invocation.id, tool: tool.name, path }, 'the mask engines disagree');
    return [{ body: { ...this.#subject(), type: 'mask.disagreement', backend: tool.backend.name, path } }];
  }

  #count(outcome: CountedCall['outcome'], code?: Refusal['code']): void {
    this.#ports.metrics.call({ tool: this.#tool?.name, outcome, code, doors: this.#watch.laps });
  }

  /** What is said of a call whose outcome is in the log. */
  #ended(ending: Ending, delivered: () => void): Reply {
    if ('refusal' in ending) return { ...this.#refusal(ending.refusal, ending.outcome), delivered };
    this.#count(ending.outcome);
    return { kind: 'result', invocation: this.#invocation.id, result: ending.result, delivered };
  }

  #refusal(refusal: Refusal, outcome: CountedCall['outcome'] = 'refused'): Reply {
    this.#count(outcome, refusal.code);
    const { level } = REFUSALS[refusal.code];
    const { id, tool } = this.#invocation;
    this.#ports.logger[level]({ invocation: id, tool, code: refusal.code, detail: refusal.detail }, 'call refused');
    return { kind: 'refusal', invocation: id, refusal, delivered: () => undefined };
  }

  /** The log closes the story of the invocation as soon as it can be written again. */
  async #writeLater(entry: NewEntry, finish: readonly Statement[]): Promise<void> {
    const { log, closing } = this.#ports;
    while (!closing.aborted) {
      await delay(OUTCOME_RETRY_MS, undefined, { ref: false });
      try {
        await log.append([entry], finish);
        return;
      } catch (error) {
        if (!(error instanceof StoreError)) return;
      }
    }
  }
}

function decided(decision: Decision) {
  return { effect: decision.effect, reason: decision.reason, rules: decision.rules };
}

function resultFacts(result: Masked) {
  const record = recordOf(result);
  const truncated = result.structured?.['truncated'] === true ? { truncated: true } : {};
  return { record, facts: { masked: result.counts, ...truncated, bytes: textBytes(result) } };
}

function refusalFacts(refusal: Refusal) {
  const record: JsonObject = { content: [{ type: 'text', text: refusal.words }], isError: true };
  const detail = refusal.detail === undefined ? {} : { detail: refusal.detail };
  return { record, facts: { code: refusal.code, ...detail } };
}

function textBytes(result: Masked): number {
  let bytes = 0;
  for (const block of result.content) {
    const text = (block as JsonObject)['text'];
    if (typeof text === 'string') bytes += Buffer.byteLength(text);
  }
  return bytes;
}

/** A fault's message may quote data: only what the store says of itself is repeated. */
function reasonOf(error: unknown): string {
  return error instanceof StoreError ? error.detail : error instanceof Error ? error.name : typeof error;
}
