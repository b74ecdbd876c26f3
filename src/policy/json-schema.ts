// The JSON Schema of policy files, for editors: made from the schemas that read them, so that the two cannot differ. Pure.
import type { z } from 'zod';
import type { CredentialProvider } from '../core/credential.ts';
import type { Json, JsonObject } from '../core/json.ts';
import type { Implementations } from './compile-backends.ts';
import { backendSchema, credentialSchema, fileSchema, ruleSchema, toolSchema } from './file-schema.ts';
import { writtenSchema } from './own-keys.ts';

/** 2020-12. A tool may have the keys of any kind: which one it is, its backend says, perhaps in another file. */
export function policyJsonSchema({ kinds, providers, masks }: Implementations): JsonObject {
  const credentialOf = ({ kind, options }: CredentialProvider): JsonObject =>
    merged(credentialSchema, options, { kind: { const: kind } });
  const mask = { type: 'array', items: { $ref: '#/$defs/mask' } };
  const backends = kinds.map(({ kind, backend, credentials }) => {
    const fitting = providers.filter((provider) => credentials.includes(provider.kind)).map(credentialOf);
    return merged(backendSchema, backend, { kind: { const: kind }, credential: { oneOf: fitting }, mask });
  });
  const tools = merged(
    toolSchema,
    undefined,
    { mask, maskArguments: mask },
    kinds.map(({ tool }) => writtenSchema(tool)),
  );
  const file = writtenSchema(fileSchema);
  const properties = file['properties'] as Readonly<Record<string, JsonObject>>;
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Sallyport policy file',
    ...file,
    properties: {
      ...properties,
      backends: { ...properties['backends'], additionalProperties: { oneOf: backends } },
      tools: { ...properties['tools'], additionalProperties: tools },
      rules: { ...properties['rules'], items: bare(writtenSchema(ruleSchema)) },
    },
    $defs: { mask: bare(writtenSchema(masks.declaration)), ...definitions(toolSchema) },
  };
}

/** One closed object of the common keys and the own ones, with some properties said more exactly. */
function merged(
  common: z.ZodType,
  own: z.ZodType | undefined,
  exactly: Readonly<Record<string, Json>>,
  loose: readonly JsonObject[] = [],
): JsonObject {
  const [base, more] = [writtenSchema(common), own === undefined ? {} : writtenSchema(own)];
  const properties = (schema: JsonObject): JsonObject => (schema['properties'] ?? {}) as JsonObject;
  const required = (schema: JsonObject): readonly Json[] => (schema['required'] ?? []) as readonly Json[];
  const all: Record<string, Json> = Object.assign(
    {},
    properties(base),
    properties(more),
    ...loose.map(properties),
  ) as JsonObject;
  for (const [name, said] of Object.entries(exactly))
    all[name] = { ...(all[name] as JsonObject), ...(said as JsonObject) };
  return {
    type: 'object',
    properties: all,
    required: [...required(base), ...required(more)],
    additionalProperties: false,
  };
}

function bare({ $schema: _, $defs: __, ...schema }: JsonObject): JsonObject {
  return schema;
}

/** What the schema refers to by name: an argument can hold arguments. */
function definitions(schema: z.ZodType): JsonObject {
  return (writtenSchema(schema)['$defs'] ?? {}) as JsonObject;
}
