// Grows the tree behind the appends, never under their lock, and signs what it has grown to. One per broker process;
// several on one store share the work.
import { setTimeout as delay } from 'node:timers/promises';
import type { CheckpointKeys } from '../core/keys.ts';
import { CHECKPOINT_INTERVAL_MS } from '../core/limits.ts';
import type { WritableLogTree } from '../core/log-tree.ts';
import type { Logger } from '../core/logger.ts';
import { Conflict } from '../core/store.ts';
import type { Publish } from './publish.ts';
import { openCheckpoint, signCheckpoint, verifierOf } from './signed-note.ts';
import { GrowingTree, rootAt } from './tree.ts';

/** Entries under one checkpoint, while there is more than that to catch up with. */
const MAX_LEAVES = 16_384;

export interface CheckpointOptions {
  readonly tree: WritableLogTree;
  /** The first signs. */
  readonly keys: CheckpointKeys;
  /** Where checkpoints go besides the store: places that the database's owner cannot rewrite. */
  readonly publish: readonly Publish[];
  readonly logger: Logger;
}

/** The tree that is kept is not the one that was signed: somebody has changed the store. */
export class TamperedError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'TamperedError';
  }
}

export class Checkpoints implements AsyncDisposable {
  readonly #options: CheckpointOptions;
  readonly #origin: string;
  readonly #stopped = new AbortController();
  #grown = new GrowingTree();
  #running: Promise<void> = Promise.resolve();
  /** One at a time: the tree in memory grows by one hand. */
  #turn: Promise<void> = Promise.resolve();

  private constructor(options: CheckpointOptions, origin: string) {
    this.#options = options;
    this.#origin = origin;
  }

  /**
   * Starts to write a checkpoint at most a second after the last entry. Throws TamperedError where the store does not
   * fit its own last checkpoint, or lies behind one of `kept`.
   */
  static async start(options: CheckpointOptions, kept: readonly string[] = []): Promise<Checkpoints> {
    const checkpoints = new Checkpoints(options, await options.tree.origin());
    for (const note of kept) await checkpoints.#mustExtend(note);
    await checkpoints.integrate();
    checkpoints.#running = checkpoints.#run();
    return checkpoints;
  }

  /** Covers all that is written now. What another broker has covered meanwhile counts. */
  integrate(): Promise<void> {
    const done = this.#turn.then(() => this.#integrate());
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #integrate(): Promise<void> {
    const { tree, keys, publish } = this.#options;
    await this.#takeUp();
    for (let leaves = await this.#next(); leaves.length > 0; leaves = await this.#next()) {
      for (const leaf of leaves) this.#grown.append(leaf);
      const checkpoint = { origin: this.#origin, size: this.#grown.size, root: this.#grown.root() };
      const note = signCheckpoint(checkpoint, keys[0]);
      try {
        await tree.keep({ size: checkpoint.size, note }, this.#grown.takeChanged());
      } catch (error) {
        this.#grown = new GrowingTree();
        if (error instanceof Conflict) return;
        throw error;
      }
      await Promise.all(publish.map((send) => this.#send(send, note)));
    }
  }

  /** Covers what is left, and stops. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort();
    await this.#running;
    await this.#attempt();
  }

  async #run(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      await delay(CHECKPOINT_INTERVAL_MS, undefined, { signal: this.#stopped.signal }).catch(() => undefined);
      if (!this.#stopped.signal.aborted) await this.#attempt();
    }
  }

  async #attempt(): Promise<void> {
    try {
      await this.integrate();
    } catch (error) {
      this.#options.logger.error({ err: error }, 'the log could not be covered by a checkpoint');
    }
  }

  async #next(): Promise<readonly Uint8Array[]> {
    return this.#options.tree.leaves(this.#grown.size, MAX_LEAVES);
  }

  /** Goes on from the newest checkpoint, which must fit the tiles: what was changed must not be signed again. */
  async #takeUp(): Promise<void> {
    const { tree } = this.#options;
    const latest = await tree.latest();
    if ((latest?.size ?? 0) === this.#grown.size) return;
    this.#grown = new GrowingTree();
    if (latest === undefined) return;
    const { root } = this.#open(latest.note);
    const grown = await GrowingTree.from(latest.size, (level, index) => tree.tile(level, index));
    if (!Buffer.from(grown.root()).equals(root)) {
      throw new TamperedError(
        `the store does not fit its own checkpoint of ${latest.size} entries: run sallyport log verify`,
      );
    }
    this.#grown = grown;
  }

  async #mustExtend(note: string): Promise<void> {
    const { tree } = this.#options;
    const { size, root } = this.#open(note);
    const latest = await tree.latest();
    const kept = latest?.size ?? 0;
    const fits =
      size <= kept && Buffer.from(await rootAt(size, (level, index) => tree.tile(level, index))).equals(root);
    if (!fits) {
      throw new TamperedError(
        `the store (${kept} entries) does not continue the published checkpoint of ${size} entries`,
      );
    }
  }

  #open(note: string) {
    return openCheckpoint(
      note,
      this.#options.keys.map((key) => verifierOf(this.#origin, key.publicKey)),
    );
  }

  async #send(send: Publish, note: string): Promise<void> {
    try {
      await send(note);
    } catch (error) {
      this.#options.logger.error({ err: error }, 'a checkpoint could not be published; the next one will be tried');
    }
  }
}
