// Several steps of the extended protocol in one flight: sent together, answered together, with one Sync at the end.
// node-postgres runs it as a query of its own kind (`Submittable`), as it does pg-cursor. The server skips what follows
// an error, so nothing runs outside the transaction that the first step opened: where that is no BEGIN, the Sync ends it.
import type pg from 'pg';

export interface Column {
  readonly name: string;
  readonly type: number;
}

export interface Step {
  /** Name of a statement that was prepared on this connection. */
  readonly statement: string;
  readonly values?: readonly (string | null)[];
  /** The server stops after so many rows; 0 means it does not. */
  readonly rows?: number;
  readonly onRow?: (fields: readonly (string | null)[], bytes: number) => void;
}

export interface Stepped {
  /** Rows it says it changed or gave; undefined where it stopped at the row limit. */
  readonly count: number | undefined;
}

/** @param maxBytes the connection is cut when the answer grows beyond: this bounds memory, whatever a row holds */
export function fly(client: pg.ClientBase, steps: readonly Step[], maxBytes: number): Promise<readonly Stepped[]> {
  return new Promise((resolve, reject) => {
    client.query(new Flight(steps, maxBytes, resolve, reject));
  });
}

export class AnswerTooLarge extends Error {}

interface Wire extends pg.Connection {
  readonly stream: pg.Connection['stream'] & { readonly bytesRead: number };
}

class Flight implements pg.Submittable {
  readonly #steps: readonly Step[];
  readonly #maxBytes: number;
  readonly #resolve: (stepped: readonly Stepped[]) => void;
  readonly #reject: (error: Error) => void;
  readonly #stepped: Stepped[] = [];
  #failure: Error | undefined;
  #unwatch: () => void = () => undefined;

  constructor(
    steps: readonly Step[],
    maxBytes: number,
    resolve: (stepped: readonly Stepped[]) => void,
    reject: (error: Error) => void,
  ) {
    this.#steps = steps;
    this.#maxBytes = maxBytes;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  submit(connection: pg.Connection): void {
    const { stream } = connection as Wire;
    const start = stream.bytesRead;
    const watch = (): void => {
      if (stream.bytesRead - start <= this.#maxBytes) return;
      this.#failure = new AnswerTooLarge(`the answer is larger than ${String(this.#maxBytes)} bytes`);
      stream.destroy();
    };
    stream.on('data', watch);
    this.#unwatch = () => void stream.off('data', watch);
    stream.cork();
    for (const { statement, values = [], rows = 0 } of this.#steps) {
      connection.bind({ statement, values: [...values] }, true);
      connection.execute({ rows: rows as unknown as string }, true); // Typed as text, written as a 32-bit number.
    }
    connection.sync();
    stream.uncork();
  }

  handleDataRow(message: { fields: (string | null)[]; length: number }): void {
    // An exception in here would reach the socket, and end the process.
    try {
      this.#steps[this.#stepped.length]?.onRow?.(message.fields, message.length);
    } catch (error) {
      this.#failure ??= error instanceof Error ? error : new Error(String(error));
    }
  }

  handleCommandComplete(message: { text: string }): void {
    const count = /(\d+)$/.exec(message.text)?.[1];
    this.#stepped.push({ count: count === undefined ? 0 : Number(count) });
  }

  handlePortalSuspended(): void {
    this.#stepped.push({ count: undefined });
  }

  handleEmptyQuery(): void {
    this.#stepped.push({ count: 0 });
  }

  handleReadyForQuery(): void {
    this.#unwatch();
    if (this.#failure === undefined) this.#resolve(this.#stepped);
    else this.#reject(this.#failure);
  }

  handleError(error: Error): void {
    this.#unwatch();
    this.#reject(this.#failure ?? error);
  }
}

/** What a statement takes and gives. */
export interface Description {
  readonly parameters: readonly number[];
  readonly columns: readonly Column[];
}

/** Prepares statements under their names and describes the last one, in one flight. Nothing runs. */
export function prepare(
  client: pg.ClientBase,
  statements: readonly { name: string; text: string }[],
): Promise<Description> {
  return new Promise((resolve, reject) => {
    client.query(new Preparation(statements, resolve, reject));
  });
}

class Preparation implements pg.Submittable {
  readonly #statements: readonly { name: string; text: string }[];
  readonly #resolve: (description: Description) => void;
  readonly #reject: (error: Error) => void;
  #parameters: readonly number[] = [];
  #columns: readonly Column[] = [];
  #forget: () => void = () => undefined;

  constructor(
    statements: readonly { name: string; text: string }[],
    resolve: (description: Description) => void,
    reject: (error: Error) => void,
  ) {
    this.#statements = statements;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  submit(connection: pg.Connection): void {
    const described = ({ dataTypeIDs }: { dataTypeIDs: readonly number[] }): void => {
      this.#parameters = dataTypeIDs;
    };
    connection.on('parameterDescription', described);
    this.#forget = () => void connection.off('parameterDescription', described);
    connection.stream.cork();
    for (const { name, text } of this.#statements) connection.parse({ name, text, types: [] }, true);
    connection.describe({ type: 'S', name: this.#statements.at(-1)?.name }, true);
    connection.sync();
    connection.stream.uncork();
  }

  handleRowDescription({ fields }: { fields: readonly { name: string; dataTypeID: number }[] }): void {
    this.#columns = fields.map((field) => ({ name: field.name, type: field.dataTypeID }));
  }

  handleReadyForQuery(): void {
    this.#forget();
    this.#resolve({ parameters: this.#parameters, columns: this.#columns });
  }

  handleError(error: Error): void {
    this.#forget();
    this.#reject(error);
  }
}
