// What tests of the kind `mcp` share: leases, tools compiled over a real upstream process, calls.
import { join } from 'node:path';
import { Intent, Lease } from '../../src/core/evidence.ts';
import type { Credential } from '../../src/core/evidence.ts';
import type { Json, JsonObject } from '../../src/core/json.ts';
import type { Report } from '../../src/core/problem.ts';
import type { Progress, ToolAnswer } from '../../src/core/tool.ts';
import { uuidv7 } from '../../src/core/uuid.ts';
import { UpstreamConnection } from '../../tools/mcp/connection.ts';
import { mcpBackend, type McpBackend } from '../../tools/mcp/mcp-backend.ts';
import { createMcpKind, type McpTool } from '../../tools/mcp/mcp-kind.ts';
import { writePins } from '../../tools/mcp/pins.ts';
import { transportTo } from '../../tools/mcp/upstream.ts';
import type { BackendChange, CompiledTool, DeclaredTool, ToolLimits } from '../../tools/tool-kind.ts';
import { permitOf } from './permitted-intent.ts';

/** The command of one of this folder's servers. */
export function serverCommand(file: string, ...args: string[]): string[] {
  return [process.execPath, '--disable-warning=ExperimentalWarning', join(import.meta.dirname, file), ...args];
}

export interface TestUpstream extends AsyncDisposable {
  readonly backend: McpBackend;
  readonly changes: BackendChange[];
  lease(credential?: Credential): TestLease;
  tool(upstream: string, more?: ToolOptions): CompiledTool;
  /** Accepts what is offered now. */
  pin(): Promise<void>;
}

export interface TestLease extends AsyncDisposable {
  readonly lease: Lease;
}

interface ToolOptions {
  readonly readOnly?: boolean;
  readonly limits?: Partial<ToolLimits>;
}

/** Pins what the server offers now. Disposing of it ends its leases. */
export async function openUpstream(declared: Partial<McpBackend>, credential: Credential = {}): Promise<TestUpstream> {
  const backend = mcpBackend.parse({ pins: 'pins.json', ...declared });
  const kind = createMcpKind();
  const changes: BackendChange[] = [];
  kind.watch?.((change) => changes.push(change));
  await using leases = new AsyncDisposableStack();
  let pins = '';
  async function pin(): Promise<void> {
    const connection = await UpstreamConnection.open(
      () => transportTo(backend, credential),
      AbortSignal.timeout(20_000),
    );
    pins = writePins('upstream', connection.live, new Date());
    await connection.close();
  }
  await pin();
  const open = leases.move();
  return {
    backend,
    changes,
    pin,
    lease(given = credential) {
      const id = uuidv7(Date.now());
      const resources = new AsyncDisposableStack();
      const ended = new AbortController();
      const expiresAt = Date.now() + 60_000;
      const facts = {
        id,
        backend: 'upstream',
        provider: 'none',
        credential: given,
        expiresAt,
        ended: ended.signal,
        resources,
      };
      return open.use({
        lease: Lease.issued(facts),
        async [Symbol.asyncDispose]() {
          ended.abort();
          await resources.disposeAsync();
        },
      });
    },
    tool(upstream, { readOnly = true, limits = {} } = {}) {
      const declaration: DeclaredTool<McpBackend, McpTool> = {
        name: `our_${upstream}`,
        backend: {
          name: 'upstream',
          options: backend,
          directory: process.cwd(),
          documents: new Map([['pins', { file: '/pins.json', text: pins }]]),
        },
        declaration: { upstream },
        input: { properties: {}, optional: [] },
        annotations: { readOnly, destructive: false, idempotent: false },
        limits: { rows: 50, bytes: 262_144, timeoutMs: 10_000, ...limits },
      };
      const problems: string[] = [];
      const note = (_place: unknown, message: string): void => void problems.push(message);
      const report: Report = { error: note, warning: note };
      kind.checkBackend?.(declaration.backend, report);
      const [tool] = kind.compile(declaration, report);
      if (problems.length > 0 || tool === undefined) throw new Error(problems.join('; '));
      return tool;
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

/** Calls a tool as the broker does once an intent is durable. */
export function callUpstreamTool(
  tool: CompiledTool,
  { lease }: TestLease,
  args: JsonObject = {},
  {
    timeoutMs = 10_000,
    signal,
    progress,
  }: { timeoutMs?: number; signal?: AbortSignal; progress?: (update: Progress) => void } = {},
): Promise<ToolAnswer> {
  const stop = AbortSignal.timeout(timeoutMs);
  return tool.call({
    intent: Intent.recorded(permitOf(), 1),
    lease,
    arguments: args,
    deadline: Date.now() + timeoutMs,
    signal: signal === undefined ? stop : AbortSignal.any([signal, stop]),
    progress,
  });
}

export function textOf({ content = [] }: ToolAnswer): Json | undefined {
  return (content[0] as JsonObject | undefined)?.['text'];
}
