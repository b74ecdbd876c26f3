// Writes policies/schema.json, which editors read. Run by `npm run schema`; a test holds it to what the program reads.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { implementations } from '../../src/cli/implementations.ts';
import { throwawayKeys } from '../../src/cli/policy-place.ts';
import { policyJsonSchema } from '../../src/policy/json-schema.ts';

await using parts = implementations(throwawayKeys());
const file = join(import.meta.dirname, '../../policies/schema.json');
writeFileSync(file, `${JSON.stringify(policyJsonSchema(parts), undefined, 2)}\n`);
