// A lean load generator: raw sockets and requests serialised beforehand, so that it is not what gets measured.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';

/** A tools/call that can be made over and over. */
export interface Target {
  readonly name: string;
  /** Plain http. */
  readonly url: URL;
  /** Of the process that serves it. */
  readonly pid: number;
  /** Connections take these headers in turn, such as the tokens of several callers. */
  readonly headers: readonly Readonly<Record<string, string>>[];
  /** The JSON-RPC message. */
  readonly message: unknown;
  /** What every answer must contain; any other answer ends the measurement. */
  readonly expect: string;
}

export interface Figures {
  readonly callsPerSecond: number;
  /** Milliseconds from the first byte sent to the last byte received. */
  readonly p50: number;
  readonly p99: number;
  /** Microseconds of processor time that the serving process takes for a call; NaN where the system does not say (/proc). */
  readonly cpuUs: number;
}

/** Linux counts in hundredths of a second. */
const TICK_US = 10_000;

/** Keeps `connections` connections busy for `seconds`, one call at a time on each. Throws on the first unexpected answer. */
export async function measure(target: Target, connections: number, seconds: number): Promise<Figures> {
  const sockets = await Promise.all(Array.from({ length: connections }, () => open(target.url)));
  const cpuBefore = cpuUsOf(target.pid);
  const startedAt = performance.now();
  const until = startedAt + seconds * 1_000;
  try {
    const latencies = (
      await Promise.all(sockets.map((socket, index) => callUntil(until, socket, target, index)))
    ).flat();
    const elapsed = (performance.now() - startedAt) / 1_000;
    latencies.sort((a, b) => a - b);
    return {
      callsPerSecond: latencies.length / elapsed,
      p50: quantile(latencies, 0.5),
      p99: quantile(latencies, 0.99),
      cpuUs: (cpuUsOf(target.pid) - cpuBefore) / latencies.length,
    };
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}

/** The value below which the share `q` of `sorted` lies; NaN for none. */
export function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}

function cpuUsOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
    // Behind the name, which may hold anything: proc_pid_stat(5), fields 14 and 15.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK_US;
  } catch {
    return Number.NaN;
  }
}

async function open(url: URL): Promise<Socket> {
  const socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true });
  await once(socket, 'connect');
  return socket;
}

async function callUntil(until: number, socket: Socket, target: Target, index: number): Promise<number[]> {
  const request = serialise(target, index);
  const latencies: number[] = [];
  const answers = new AnswerReader(socket);
  while (performance.now() < until) {
    const sentAt = performance.now();
    socket.write(request);
    const answer = await answers.next();
    latencies.push(performance.now() - sentAt);
    if (!answer.startsWith('HTTP/1.1 200') || !answer.includes(target.expect)) {
      throw new Error(`${target.name} gave an unexpected answer:\n${answer.slice(0, 2_000)}`);
    }
  }
  return latencies;
}

function serialise(target: Target, index: number): string {
  const body = JSON.stringify(target.message);
  const headers = {
    Host: target.url.host,
    'Content-Type': 'application/json',
    Accept: 'application/json, text/event-stream',
    'Content-Length': String(Buffer.byteLength(body)),
    ...target.headers[index % target.headers.length],
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST ${target.url.pathname} HTTP/1.1\r\n${lines.join('')}\r\n${body}`;
}

/** Gives one HTTP answer after another, head and body, as text. Knows Content-Length and chunked bodies. */
class AnswerReader {
  #received = '';
  #wanted: { resolve(answer: string): void; reject(error: Error): void } | undefined;

  constructor(socket: Socket) {
    // latin1 keeps one character a byte, so that lengths are lengths.
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.#received += text;
      const length = answerLength(this.#received);
      if (length === undefined) return;
      const answer = this.#received.slice(0, length);
      this.#received = this.#received.slice(length);
      this.#wanted?.resolve(answer);
    });
    socket.on('error', (error) => this.#wanted?.reject(error));
    socket.on('close', () => this.#wanted?.reject(new Error('the connection was closed')));
  }

  next(): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#wanted = { resolve, reject };
    });
  }
}

/** Bytes of the first whole answer in `received`; undefined while there is none. */
function answerLength(received: string): number | undefined {
  const headEnd = received.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const bodyStart = headEnd + 4;
  const declared = /\r\ncontent-length: *(\d+)/i.exec(received.slice(0, bodyStart))?.[1];
  const end = declared === undefined ? received.indexOf('0\r\n\r\n', bodyStart) + 5 : bodyStart + Number(declared);
  return end < bodyStart || received.length < end ? undefined : end;
}
