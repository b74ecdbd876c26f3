// A kind of backend for tests: its tools answer what their declaration says. A real implementation of the port, so
// everything between the HTTP edge and the backend is the broker's own.
import { z } from 'zod';
import type { Json } from '../../src/core/json.ts';
import type { ToolKind } from '../../tools/tool-kind.ts';

interface Declaration {
  readonly answer: readonly Record<string, Json>[];
  readonly failed?: boolean | undefined;
  /** Advertised in place of the one that `input` makes. */
  readonly schema?: Record<string, Json> | undefined;
}

export const fixtureKind: ToolKind<object, Declaration> = {
  kind: 'fixture',
  backend: z.strictObject({}),
  tool: z.strictObject({
    answer: z.array(z.record(z.string(), z.json())),
    failed: z.boolean().optional(),
    schema: z.record(z.string(), z.json()).optional(),
  }),
  credentials: [],
  compile: ({ name, declaration, input }) => [
    {
      name,
      inputSchema: declaration.schema ?? {
        type: 'object',
        properties: input.properties,
        required: Object.keys(input.properties).filter((key) => !input.optional.includes(key)),
        additionalProperties: false,
      },
      call: () => Promise.resolve({ content: declaration.answer, isError: declaration.failed ?? false }),
    },
  ],
  examine: () => Promise.resolve(),
};
