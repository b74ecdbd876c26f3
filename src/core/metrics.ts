// What the broker counts of itself, as Prometheus reads it (text format 0.0.4). In memory, of this process alone.
// Labels are names out of the policy files and fixed words: never what a caller or a backend has said.
import type { DoorTimes, EntryBody } from './entry.ts';
import type { RefusalCode } from './errors.ts';

/** How one call ended. */
export interface CountedCall {
  /** Undefined where it is not a name that the policy files know. */
  readonly tool: string | undefined;
  /** `refused`: it was stopped before its intent. */
  readonly outcome: Extract<EntryBody, { type: 'outcome' }>['outcome'] | 'refused';
  readonly code: RefusalCode | undefined;
  readonly doors: DoorTimes;
}

/** Upper ends of the buckets, in seconds: a warm door takes less than a millisecond, a person takes minutes. */
const BUCKETS_S = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30, 300] as const;

interface Histogram {
  /** Each holds what fell into it and into none before; the last one, what was beyond all ends. */
  readonly buckets: number[];
  count: number;
  sumS: number;
}

export class Metrics {
  /** By outcome, by tool. */
  readonly #calls = new Map<string, Map<string, number>>();
  readonly #refusals = new Map<string, number>();
  readonly #doors = new Map<string, Histogram>();
  #disagreements = 0;

  call({ tool = 'unknown', outcome, code, doors }: CountedCall): void {
    let byTool = this.#calls.get(outcome);
    if (byTool === undefined) this.#calls.set(outcome, (byTool = new Map<string, number>()));
    add(byTool, tool);
    if (code !== undefined) add(this.#refusals, code);
    for (const door in doors) this.#observe(door, (doors[door] ?? 0) / 1_000);
  }

  /** Two mask engines did not see the same: somebody should look at it now. */
  disagreement(): void {
    this.#disagreements++;
  }

  /** @param health what must hold for calls to be served, by name */
  text(health: readonly { readonly name: string; readonly ok: boolean }[]): string {
    const ready = new Map(health.map(({ name, ok }) => [labels({ check: name }), Number(ok)]));
    const calls = [...this.#calls].flatMap(([outcome, byTool]) =>
      [...byTool].map(([tool, count]) => [labels({ tool, outcome }), count] as const),
    );
    const refusals = [...this.#refusals].map(([code, count]) => [labels({ code }), count] as const);
    return [
      ...family('sallyport_calls_total', 'counter', 'Calls by tool and how they ended.', new Map(calls)),
      ...family('sallyport_refusals_total', 'counter', 'Calls that got no result, by reason.', new Map(refusals)),
      ...this.#doorLines(),
      ...family(
        'sallyport_mask_disagreements_total',
        'counter',
        'Results withheld because a second engine found a raw value where a mask stands. Anything above 0 is an alert.',
        new Map([['', this.#disagreements]]),
      ),
      ...family('sallyport_healthy', 'gauge', '1 where what calls need (store, keys) holds, else 0.', ready),
      '',
    ].join('\n');
  }

  #observe(door: string, seconds: number): void {
    let histogram = this.#doors.get(door);
    if (histogram === undefined) {
      histogram = { buckets: [0, ...BUCKETS_S.map(() => 0)], count: 0, sumS: 0 };
      this.#doors.set(door, histogram);
    }
    histogram.count++;
    histogram.sumS += seconds;
    let index = 0;
    while (seconds > (BUCKETS_S[index] ?? Infinity)) index++;
    histogram.buckets[index] = (histogram.buckets[index] ?? 0) + 1;
  }

  #doorLines(): string[] {
    const name = 'sallyport_door_seconds';
    const lines = [...this.#doors].flatMap(([door, { buckets, count, sumS }]) => {
      let upTo = 0;
      return [
        ...BUCKETS_S.map((end, index) => {
          upTo += buckets[index] ?? 0;
          return `${name}_bucket${labels({ door, le: String(end) })} ${String(upTo)}`;
        }),
        `${name}_bucket${labels({ door, le: '+Inf' })} ${String(count)}`,
        `${name}_sum${labels({ door })} ${String(sumS)}`,
        `${name}_count${labels({ door })} ${String(count)}`,
      ];
    });
    return [...heading(name, 'histogram', 'Time calls spent at each door.'), ...lines];
  }
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function family(name: string, type: string, help: string, values: ReadonlyMap<string, number>): string[] {
  return [
    ...heading(name, type, help),
    ...[...values].map(([labelled, value]) => `${name}${labelled} ${String(value)}`),
  ];
}

function heading(name: string, type: string, help: string): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
}

function labels(values: Readonly<Record<string, string>>): string {
  const written = Object.entries(values).map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, '_')}"`);
  return `{${written.join(',')}}`;
}
