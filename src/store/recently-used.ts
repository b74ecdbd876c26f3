// A map that forgets what was not used for longest. Not more than a Map: it keeps the order of insertion.

export class RecentlyUsed<Key, Value> {
  readonly #map = new Map<Key, Value>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  get(key: Key): Value | undefined {
    const value = this.#map.get(key);
    if (value === undefined) return undefined;
    // Only near its end does the order matter, and moving costs more than looking up.
    if (this.#map.size * 2 > this.#max) {
      this.#map.delete(key);
      this.#map.set(key, value);
    }
    return value;
  }

  set(key: Key, value: Value): void {
    this.#map.delete(key);
    this.#map.set(key, value);
    if (this.#map.size <= this.#max) return;
    for (const oldest of this.#map.keys()) {
      this.#map.delete(oldest);
      break;
    }
  }
}
