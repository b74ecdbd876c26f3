// The peer of the detectors: redact-pii, regular expressions for what tells people apart. Installed on demand, outside
// package.json: it is for comparison alone, and brings a cloud client with it.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const PACKAGE = 'redact-pii@3.4.0';

interface RedactPii {
  readonly SyncRedactor: new () => { redact(text: string): string };
}

/** Redacts one text. Undefined, with the reason on standard error, where it cannot be installed. */
export async function loadRedactPii(): Promise<((text: string) => string) | undefined> {
  const directory = resolve('node_modules/.cache/bench-redact-pii');
  try {
    if (!existsSync(join(directory, 'node_modules/redact-pii'))) {
      mkdirSync(directory, { recursive: true });
      process.stderr.write(`installing ${PACKAGE} to measure against …\n`);
      await promisify(execFile)('npm', ['install', '--prefix', directory, '--no-save', PACKAGE]);
    }
    const { SyncRedactor } = createRequire(join(directory, 'peer.js'))('redact-pii') as RedactPii;
    const redactor = new SyncRedactor();
    return (text) => redactor.redact(text);
  } catch (error) {
    process.stderr.write(`no peer to measure against: ${PACKAGE} cannot be installed (${String(error)})\n`);
    return undefined;
  }
}
