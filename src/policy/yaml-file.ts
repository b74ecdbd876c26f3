// A YAML file that remembers where everything in it stands. Pure. Called by src/config.ts and load-policies.ts.
import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isPair,
  isScalar,
  LineCounter,
  type Node,
  parseDocument,
  visit,
} from 'yaml';
import type { Problem, ProblemPlace, Report } from '../core/problem.ts';
import { offsetInSource } from './scalar-offset.ts';

type Path = ProblemPlace['path'];

/** Aliases may save typing; they may not make a small file a large value. */
const MAX_ALIASES = 100;

const UNREADABLE = Symbol('unreadable');

export class YamlFile {
  /** As the user would type it. */
  readonly name: string;
  readonly text: string;
  /** The document as plain values; undefined where it is unreadable, or empty. */
  readonly value: unknown;
  readonly unreadable: boolean;
  readonly #document: Document.Parsed;
  readonly #lines = new LineCounter();
  readonly #problems: Problem[];

  /** Reports what is wrong with the YAML itself to `problems`; what is found in it later goes there too. */
  constructor(name: string, text: string, problems: Problem[]) {
    this.name = name;
    this.text = text;
    this.#problems = problems;
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false });
    const { errors, warnings } = this.#document;
    const broken = errors.find(({ code }) => code !== 'DUPLICATE_KEY');
    // What comes after the first syntax error is mostly its consequence.
    for (const { code, message, pos } of [...(broken ? [broken] : errors), ...warnings]) {
      this.#add(
        'error',
        pos[0],
        code === 'MULTIPLE_DOCS' ? 'a second document in one file' : message,
        yamlHint(code, text, pos[0]),
      );
    }
    let exact = true;
    visit(this.#document, {
      Scalar: (_, { value, range }) => {
        if (!isExact(value))
          this.#add('error', range?.[0] ?? 0, 'this value cannot be held exactly', 'put it in quotes');
      },
      Pair: (_, { key }) => {
        if (isScalar(key) && typeof key.value === 'string' && key.value !== '__proto__') return;
        exact = false;
        const at = (key as Node | null)?.range?.[0] ?? 0;
        this.#add(
          'error',
          at,
          'a key must be plain text',
          isScalar(key) ? 'put it in quotes, or choose another name' : undefined,
        );
      },
    });
    // A key that is there twice leaves a document that the rest can be checked in.
    const plain = broken === undefined && exact ? this.#plain() : UNREADABLE;
    this.unreadable = plain === UNREADABLE;
    this.value = this.unreadable ? undefined : plain;
  }

  #plain(): unknown {
    try {
      return this.#document.toJS({ maxAliasCount: MAX_ALIASES }) ?? undefined;
    } catch (error) {
      if (!(error instanceof ReferenceError)) throw error;
      this.#add('error', 0, `the file uses aliases (*name) too much: ${error.message}`, 'write the values out');
      return UNREADABLE;
    }
  }

  /** Reports at places below `root`. */
  report(root: Path = []): Report {
    const add = (severity: Problem['severity']) => (place: ProblemPlace, message: string, hint?: string) => {
      this.#add(severity, this.#offset({ ...place, path: [...root, ...place.path] }), message, hint);
    };
    return { error: add('error'), warning: add('warning') };
  }

  /** `policies/shop.yaml:12`, to point at another place in a message. */
  position(place: ProblemPlace): string {
    return `${this.name}:${String(this.#lines.linePos(this.#offset(place)).line)}`;
  }

  #add(severity: Problem['severity'], offset: number, message: string, hint?: string): void {
    const { line, col } = this.#lines.linePos(offset);
    const at = { severity, file: this.name, line: Math.max(line, 1), column: Math.max(col, 1) };
    this.#problems.push({ ...at, message, ...(hint === undefined ? {} : { hint }) });
  }

  /** Where a place starts in the text; of the nearest thing that exists, where it does not. */
  #offset({ path, offset, atKey }: ProblemPlace): number {
    let node: Node | null = this.#document.contents;
    let key: Node | null = null;
    for (const step of path) {
      if (isAlias(node)) node = node.resolve(this.#document) ?? null;
      if (!isCollection(node)) return start(key ?? node);
      const item: unknown = isMap(node)
        ? node.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === String(step))
        : node.items[Number(step)];
      if (item === undefined) return start(key ?? node);
      if (isPair(item)) {
        key = item.key as Node;
        node = item.value as Node | null;
      } else {
        key = null;
        node = item as Node;
      }
    }
    if (atKey === true || node === null) return start(key ?? node);
    return offset !== undefined && isScalar(node) ? offsetInSource(this.text, node, offset) : start(node);
  }
}

function yamlHint(code: string, text: string, offset: number): string | undefined {
  if (code === 'MULTIPLE_DOCS') return 'put it into its own file';
  if (code === 'DUPLICATE_KEY') return 'keep one of them';
  return text.charAt(offset - 1) === '$' ? 'between { } and [ ], references stand in quotes: "${env:NAME}"' : undefined;
}

/** JSON has no infinities, and what cannot be told apart as JSON cannot be told apart in a digest. */
function isExact(value: unknown): boolean {
  if (typeof value === 'number') return Number.isInteger(value) ? Number.isSafeInteger(value) : Number.isFinite(value);
  return typeof value !== 'string' || value.isWellFormed();
}

function start(node: Node | null): number {
  return node?.range?.[0] ?? 0;
}
