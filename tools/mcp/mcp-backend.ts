// A backend of kind `mcp`, as policy files declare it.
import { resolve } from 'node:path';
import { z } from 'zod';
import type { DeclaredBackend } from '../tool-kind.ts';

const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;
const envName = z.string().regex(ENV_NAME, 'expected the name of an environment variable');

export const mcpBackend = z.strictObject({
  url: z
    .string()
    .refine(isEndpoint, 'expected the address of a Streamable HTTP endpoint: https://HOST/PATH, without a login')
    .optional()
    .describe('Where the server listens for Streamable HTTP. Give this, or `command`.'),
  token: z
    .strictObject({
      header: z
        .string()
        .regex(/^[A-Za-z0-9-]{1,100}$/, 'expected the name of a header')
        .describe('The header that the token of a lease stands in.'),
      prefix: z
        .string()
        .regex(/^[ -~]*$/, 'expected printable ASCII')
        .default('')
        .describe('What stands before it, such as "Token ".'),
    })
    .optional()
    .describe('Where the token goes; left out: `Authorization: Bearer`.'),
  command: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe('The program that is the server, and its arguments: it is run for each lease, and speaks MCP over stdio.'),
  directory: z.string().min(1).optional().describe('Where the command is run, from the policy directory; left out: there.'),
  env: z
    .record(envName, z.string())
    .default({})
    .describe('The environment of the command: this, and nothing of the broker’s own.'),
  credentialEnv: z
    .record(envName, z.string().min(1))
    .default({})
    .describe('Fields of the credential (`token`, `user`, `password`) by the variable that the command expects them in.'),
  pins: z
    .string()
    .min(1)
    .describe('The file, relative to the policy directory, of the definitions that were accepted: `sallyport pin` writes it.'),
}); // prettier-ignore

export type McpBackend = z.output<typeof mcpBackend>;

/** The same, with where its command is run in full. */
export function placed({ options, directory }: DeclaredBackend<McpBackend>): McpBackend {
  return { ...options, directory: resolve(directory, options.directory ?? '.') };
}

function isEndpoint(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, hash } = new URL(text);
  return /^https?:$/.test(protocol) && username === '' && password === '' && hash === '';
}
