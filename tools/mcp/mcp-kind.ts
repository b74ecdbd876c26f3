// The tool kind `mcp`: tools of another MCP server, as they were pinned, under chosen names.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { didYouMean } from '../../src/core/nearest.ts';
import type { BackendChange, CompiledTool, DeclaredBackend, DeclaredTool, ToolKind } from '../tool-kind.ts';
import { DefinitionWatch } from './definition-watch.ts';
import { mcpBackend, placed, type McpBackend } from './mcp-backend.ts';
import { callUpstream } from './mcp-call.ts';
import { examineMcp } from './mcp-examine.ts';
import { readPins } from './pins.ts';
import { argumentSchema, usableSchema, valueCheck } from './pinned-schema.ts';
import type { ToolDefinition } from './tool-definition.ts';
import { Upstream } from './upstream.ts';

const upstreamName = z.string().min(1).max(128);

const tool = z.strictObject({
  upstream: z
    .union([upstreamName, z.record(z.string(), upstreamName).refine((names) => Object.keys(names).length > 0)])
    .describe(
      'What the upstream calls the tool. Or several of them, each under the name it gets here: `{ read_policy: read_text_file }`.',
    ),
});

export type McpTool = z.output<typeof tool>;

/** One for each broker: it remembers what its upstreams have changed. */
export function createMcpKind(): ToolKind<McpBackend, McpTool> {
  const upstreams = new Map<string, Upstream>();
  const watches = new Map<string, DefinitionWatch>();
  const listeners = new Set<(change: BackendChange) => void>();

  /** The same as long as the backend is declared as it is: what is pinned may change under a running child. */
  const upstreamOf = remembered((backend: DeclaredBackend<McpBackend>) => {
    const declared = placed(backend);
    const key = hashOf([backend.name, declared]);
    const upstream = upstreams.get(key) ?? new Upstream(declared);
    upstreams.set(key, upstream);
    return upstream;
  });

  /** A new one with each file of pins: what was hidden is seen again once it has been pinned again. */
  const watchOf = remembered((backend: DeclaredBackend<McpBackend>) => {
    const key = hashOf([backend.name, backend.documents.get('pins')?.text]);
    const known = watches.get(key);
    if (known !== undefined) return known;
    const read = pinsOf(backend);
    if (read === undefined || 'problem' in read) throw new TypeError('a tool was compiled without pins');
    const watch = new DefinitionWatch(read.pins, (tools) => {
      for (const listener of listeners) listener({ backend: backend.name, tools });
    });
    watches.set(key, watch);
    return watch;
  });

  return {
    kind: 'mcp',
    backend: mcpBackend,
    tool,
    credentials: ['none', 'oauth-client-credentials', 'oauth-token-exchange', 'vault', 'static'],

    documents: ({ pins }) => [{ key: 'pins', file: pins, optional: true }],

    checkBackend(backend, report) {
      const { url, command, credentialEnv, directory, env, token } = backend.options;
      if ((url === undefined) === (command === undefined))
        report.error(
          { path: [] },
          'expected `url` or `command`, and not both',
          'say where the server is, or how it is started',
        );
      if (url !== undefined && isUnencrypted(url))
        report.warning({ path: ['url'] }, 'credentials and data travel unencrypted', 'use https');
      const child = {
        directory,
        ...(Object.keys(env).length > 0 && { env }),
        ...(Object.keys(credentialEnv).length > 0 && { credentialEnv }),
      };
      for (const [key, value] of Object.entries(url === undefined ? { token } : child)) {
        if (value === undefined) continue;
        const fits = url === undefined ? 'a server at a `url`' : 'a server that is started by `command`';
        report.error({ path: [key], atKey: true }, `\`${key}\` is for ${fits}`, 'leave it out');
      }
      for (const name of Object.keys(credentialEnv)) {
        if (Object.hasOwn(env, name))
          report.error(
            { path: ['credentialEnv', name], atKey: true },
            `${name} stands under \`env\` too`,
            'leave one of them out',
          );
      }
      const read = pinsOf(backend);
      if (read === undefined)
        report.error(
          { path: ['pins'] },
          `the tools of "${backend.name}" are not pinned: there is no such file`,
          pinHint(backend.name),
        );
      else if ('problem' in read)
        report.error(
          { path: ['pins'] },
          `the file does not pin the tools of "${backend.name}": ${read.problem}`,
          pinHint(backend.name),
        );
    },

    compile(declared, report) {
      if (Object.keys(declared.input.properties).length > 0)
        report.error(
          { path: ['input'], atKey: true },
          'the arguments of an upstream tool are those that were pinned',
          'leave `input` out',
        );
      const read = pinsOf(declared.backend);
      if (read === undefined || 'problem' in read) return [];
      const { upstream } = declared.declaration;
      const names = typeof upstream === 'string' ? { [declared.name]: upstream } : upstream;
      return Object.entries(names).flatMap(([name, upstreamName]) => {
        const path = typeof upstream === 'string' ? ['upstream'] : ['upstream', name];
        const pinned = read.pins.tools.get(upstreamName)?.definition;
        if (pinned === undefined) {
          const hint = didYouMean(upstreamName, read.pins.tools.keys()) ?? pinHint(declared.backend.name);
          report.error({ path }, `"${declared.backend.name}" has no pinned tool "${upstreamName}"`, hint);
          return [];
        }
        const input = argumentSchema(pinned.inputSchema);
        if ('problem' in input) {
          report.error(
            { path },
            `the input schema of "${upstreamName}" cannot be used: ${input.problem}`,
            'leave the tool out',
          );
          return [];
        }
        return [compiled(name, pinned, input.schema, declared)];
      });
    },

    examine: examineMcp,

    watch(listener) {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
  };

  function compiled(
    name: string,
    { name: upstreamName, title, description, outputSchema }: ToolDefinition,
    inputSchema: CompiledTool['inputSchema'],
    { backend, annotations, limits }: DeclaredTool<McpBackend, McpTool>,
  ): CompiledTool {
    const output = outputSchema && usableSchema(outputSchema);
    const promised = output && 'schema' in output ? output.schema : undefined;
    const upstreamTool = {
      ...{ backend: backend.name, name: upstreamName, readOnly: annotations.readOnly, limits },
      fits: promised && valueCheck(promised),
    };
    return {
      name,
      ...(title === undefined ? {} : { title }),
      ...(description === undefined ? {} : { description }),
      inputSchema,
      ...(promised === undefined ? {} : { outputSchema: promised }),
      available: () => watchOf(backend).change(upstreamName) === undefined,
      call: (call) => callUpstream(upstreamTool, upstreamOf(backend), watchOf(backend), call),
    };
  }
}

/** Undefined where there is no file. */
const pinsOf = remembered(({ name, documents }: DeclaredBackend<McpBackend>) => {
  const document = documents.get('pins');
  return document && readPins(document.text, name);
});

/** Asks once for each backend that was loaded, however many tools and calls it has. */
function remembered<Value>(
  make: (backend: DeclaredBackend<McpBackend>) => Value,
): (backend: DeclaredBackend<McpBackend>) => Value {
  const made = new WeakMap<DeclaredBackend<McpBackend>, { readonly value: Value }>();
  return (backend) => {
    let known = made.get(backend);
    if (known === undefined) made.set(backend, (known = { value: make(backend) }));
    return known.value;
  };
}

/** On loopback there is nobody else. */
function isUnencrypted(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'http:' && !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}

function pinHint(backend: string): string {
  return `run \`sallyport pin ${backend}\`, review the file that it writes, and keep it beside the policies`;
}

function hashOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}
