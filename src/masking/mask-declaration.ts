// One item of a `mask:` list, as policy files write it. Part of the published JSON Schema.
import { z } from 'zod';
import { TOKEN_CLASS } from '../core/value-token.ts';
import { DETECTOR_NAMES } from './detector.ts';
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
const tokenClass = z
  .string()
  .regex(TOKEN_CLASS, 'a class is a word of up to 32 lower-case letters, digits and dashes, such as `email`')
  .describe('What kind of value it is. Inputs say which classes they accept.');
const label = z
  .string()
  .regex(/^[\w .-]{1,40}$/u, 'a label has 1 to 40 letters, digits, spaces, dots, dashes or underscores')
  .optional()
  .describe('What stands between the brackets in place of the value. Default `redacted`.');

/** What no mask and no detector can look into; `blob` is an embedded resource that is not text. */
const MEDIA = ['image', 'audio', 'blob'] as const;
export type Media = (typeof MEDIA)[number];

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
        with: z
          .literal('tokenize')
          .describe(
            'A token such as `tok_email_7f3k…`: equal values have equal tokens, and only the broker can turn one back.',
          ),
        class: tokenClass,
        mustMatch,
      })
      .describe('Replace what the path selects by a token that the agent can pass to a tool that accepts its class.'),
    z
      .strictObject({
        path,
        with: z.literal('hash').describe('A keyed hash: equal values stay equal, and cannot be turned back.'),
        mustMatch,
      })
      .describe('Replace what the path selects by a keyed hash.'),
    z
      .strictObject({
        detect: z.array(z.enum(DETECTOR_NAMES)).min(1).describe('What to look for in everything that paths leave.'),
        with: z
          .enum(['mask', 'withhold', 'report', 'off'])
          .describe('Replace what is found, withhold the whole result, only count it in the log, or do not look.'),
      })
      .describe(
        'Look for forms of text wherever they stand. Secrets are masked unless this says otherwise; the last word on a detector counts.',
      ),
    z
      .strictObject({
        media: z.array(z.enum(MEDIA)).min(1).describe('What this tool may answer with: no bytes leave otherwise.'),
        with: z.literal('pass').describe('Let it leave as it is. Nobody looks into it.'),
      })
      .describe('Let images, sounds or bytes leave. Say so only where they can hold nothing that must be hidden.'),
  ])
  .describe(
    'What to hide from the agent, and how. Where several masks meet, remove beats redact beats hash beats tokenize beats keep-*.',
  );

export type MaskDeclaration = z.infer<typeof maskDeclaration>;
export type PathMaskDeclaration = Extract<MaskDeclaration, { path: string }>;
export type DetectorDeclaration = Extract<MaskDeclaration, { detect: unknown }>;
