// `check --connect`: whether the backend answers where it is said to be. Nothing is called, and no credential is sent.
import type { Report } from '../../src/core/problem.ts';
import type { DeclaredBackend } from '../tool-kind.ts';
import type { Resolve } from './addresses.ts';
import { loaded, openPool } from './connections.ts';
import { discard } from './http-answer.ts';
import type { HttpBackend } from './http-backend.ts';
import { connectionError } from './http-errors.ts';

export async function examineHttp(
  { name, options }: DeclaredBackend<HttpBackend>,
  report: Report,
  resolve: Resolve,
  signal: AbortSignal,
): Promise<void> {
  const { host, pathname } = new URL(options.url);
  try {
    const pool = openPool(await loaded(), options, resolve);
    try {
      // Any answer will do: without a credential it may well be a refusal.
      await discard(await pool.request({ method: 'HEAD', path: pathname, signal }));
    } finally {
      await pool.destroy();
    }
  } catch (error) {
    if (signal.aborted) throw error;
    report.error({ path: ['url'] }, connectionError(error, 'HEAD', `${name} at ${host}`).detail);
  }
}
