// What became of one backend's tools since they were pinned. A tool that changed stays hidden until it is pinned again.
import { MAX_DEFINITIONS } from './limits.ts';
import type { Pins } from './pins.ts';
import { changesSince, type DefinitionChange, type LiveDefinition } from './tool-definition.ts';

export class DefinitionWatch {
  readonly #pinned: ReadonlyMap<string, string>;
  readonly #changes = new Map<string, DefinitionChange>();
  readonly #tell: (changes: readonly DefinitionChange[]) => void;
  #unknown = 0;
  #compared: readonly LiveDefinition[] | undefined;

  /** @param tell of each change, once */
  constructor(pins: Pins, tell: (changes: readonly DefinitionChange[]) => void) {
    this.#pinned = new Map([...pins.tools].map(([name, { hash }]) => [name, hash]));
    this.#tell = tell;
  }

  /** By the upstream's name: what happened to a tool that may not be called any more. */
  change(name: string): DefinitionChange | undefined {
    return this.#changes.get(name);
  }

  compare(live: readonly LiveDefinition[]): void {
    if (this.#compared === live) return;
    this.#compared = live;
    const fresh = changesSince(this.#pinned, live).filter(({ name }) => !this.#changes.has(name) && this.#takes(name));
    for (const change of fresh) this.#changes.set(change.name, change);
    if (fresh.length > 0) this.#tell(fresh);
  }

  /** Names that nobody pinned are the upstream's to choose: it must not be able to fill the log with them. */
  #takes(name: string): boolean {
    return this.#pinned.has(name) || ++this.#unknown <= MAX_DEFINITIONS;
  }
}
