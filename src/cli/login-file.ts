// Keeps a person's login between commands: one file, readable by its owner alone, replaced as a whole. Effectful.
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { UsageError } from './terminal.ts';

const loginSchema = z.strictObject({
  /** The broker's origin. */
  broker: z.url(),
  accessToken: z.string(),
  /** Absent where the issuer gives none: then one signs in again. */
  refreshToken: z.string().optional(),
  /** Milliseconds since the Unix epoch. */
  expiresAt: z.number(),
});

export type Login = z.output<typeof loginSchema>;

/** Undefined where nobody has signed in. Throws UsageError where others could have read it, or it holds something else. */
export async function readLogin(data: string): Promise<Login | undefined> {
  const file = loginFile(data);
  let text: string;
  try {
    const { mode } = await stat(file);
    if ((mode & 0o077) !== 0) {
      throw new UsageError(`${file} can be read by others`, 'Run sallyport logout, which ends it, and sign in again.');
    }
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  const parsed = loginSchema.safeParse(parseJson(text));
  if (!parsed.success) throw new UsageError(`${file} holds no login`, 'Run sallyport login to replace it.');
  return parsed.data;
}

export async function writeLogin(data: string, login: Login): Promise<void> {
  await mkdir(data, { recursive: true, mode: 0o700 });
  const draft = `${loginFile(data)}.${randomBytes(6).toString('hex')}`;
  await writeFile(draft, `${JSON.stringify(login)}\n`, { mode: 0o600, flag: 'wx' });
  await rename(draft, loginFile(data));
}

export async function removeLogin(data: string): Promise<void> {
  await rm(loginFile(data), { force: true });
}

function loginFile(data: string): string {
  return join(data, 'login.json');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
