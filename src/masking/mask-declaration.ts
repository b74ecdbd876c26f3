// One item of a `mask:` list, as policy files write it. Part of the published JSON Schema.
import { z } from 'zod';
import { MAX_KEPT_CHARACTERS, MAX_PATH_CHARACTERS } from './limits.ts';

const path = z
  .string()
  .min(1)
  .max(MAX_PATH_CHARACTERS)
  .describe(
    'A JSONPath (RFC 9535). `$` is the structured content, or the JSON of a text block. It also reaches into JSON text and URL parameters inside strings.',
  );
const mustMatch = z
  .boolean()
  .optional()
  .describe('Withhold a result in which this path finds nothing, so that a renamed column is noticed. Default false.');
const count = z
  .int()
  .min(1)
  .max(MAX_KEPT_CHARACTERS)
  .describe('How many characters stay. A value of fewer than twice as many shows none.');
const label = z
  .string()
  .regex(/^[\w .-]{1,40}$/u, 'a label has 1 to 40 letters, digits, spaces, dots, dashes or underscores')
  .optional()
  .describe('What stands between the brackets in place of the value. Default `redacted`.');

export const maskDeclaration = z
  .discriminatedUnion('with', [
    z
      .strictObject({ path, with: z.literal('redact').describe('Put `[redacted]` in its place.'), label, mustMatch })
      .describe('Replace what the path selects.'),
    z
      .strictObject({ path, with: z.literal('remove').describe('Leave it out, as if it were not there.'), mustMatch })
      .describe('Leave out what the path selects.'),
    z
      .strictObject({
        path,
        with: z.enum(['keep-last', 'keep-first']).describe('Show only the last, or first, characters: `****1234`.'),
        count,
        mustMatch,
      })
      .describe('Show an end of what the path selects.'),
    z
      .strictObject({
        path,
        with: z.literal('hash').describe('A keyed hash: equal values stay equal, and cannot be turned back.'),
        mustMatch,
      })
      .describe('Replace what the path selects by a keyed hash.'),
  ])
  .describe(
    'What to hide from the agent, and how. Where several masks meet, remove beats redact beats hash beats keep-*.',
  );

export type MaskDeclaration = z.infer<typeof maskDeclaration>;
