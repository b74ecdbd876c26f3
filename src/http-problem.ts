// Errors of the people's API: problem details (RFC 9457). Pure but for the response written to.
import type { ServerResponse } from 'node:http';

export interface Problem {
  readonly status: number;
  /** For programs: one word for one reason. */
  readonly code: string;
  /** The same for every problem of its code. */
  readonly title: string;
  /** What is wrong here, and what to do. */
  readonly detail: string;
}

export function sendProblem(response: ServerResponse, { status, ...words }: Problem): void {
  const text = JSON.stringify({ type: 'about:blank', status, ...words });
  response.writeHead(status, {
    'Content-Type': 'application/problem+json',
    'Content-Length': Buffer.byteLength(text),
  });
  response.end(text);
}
