// Holds written entries to the published schema.
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { entrySchema } from '../../src/log/entry-schema.ts';

const ajv = new Ajv2020({ allErrors: true });
addFormats.default(ajv);
const validate = ajv.compile(entrySchema);

/** Throws, with what does not fit, for an entry that is not as `sallyport log schema` says. */
export function holdToSchema(entry: unknown): void {
  if (validate(entry)) return;
  const { type } = entry as { type?: unknown };
  // Of all the alternatives, those that are about another type say nothing.
  const errors = (validate.errors ?? []).filter(({ schemaPath }) => !schemaPath.includes('/properties/type/const'));
  throw new Error(`an entry of type ${String(type)} does not fit its schema: ${JSON.stringify(errors)}`);
}
