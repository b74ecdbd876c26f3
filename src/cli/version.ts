// The version of the installed package. The file stands two levels up from the sources and three from the build.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const version: string = read();

function read(): string {
  for (const up of ['../..', '../../..']) {
    try {
      const text = readFileSync(join(import.meta.dirname, up, 'package.json'), 'utf8');
      const manifest = JSON.parse(text) as { name?: string; version?: string };
      if (manifest.name === 'sallyport' && manifest.version !== undefined) return manifest.version;
    } catch {
      // Not there: the next place up.
    }
  }
  throw new Error('package.json of sallyport was not found beside the program');
}
