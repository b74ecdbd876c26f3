// `check --connect`: whether a backend of kind `mcp` answers, and still offers what was pinned.
import type { ExaminedBackend } from '../tool-kind.ts';
import { placed, type McpBackend } from './mcp-backend.ts';
import type { McpTool } from './mcp-kind.ts';
import { offeredBy } from './offered.ts';
import { readPins } from './pins.ts';
import { changesSince, type LiveDefinition } from './tool-definition.ts';

/** Asks without a credential, which only a call is given: a server that must have one is not asked. */
export async function examineMcp(
  { backend, credential, report }: ExaminedBackend<McpBackend, McpTool>,
  signal: AbortSignal,
): Promise<void> {
  const document = backend.documents.get('pins');
  const read = document && readPins(document.text, backend.name);
  if (credential?.kind !== 'none' || read === undefined || 'problem' in read) return;
  let live: readonly LiveDefinition[];
  try {
    live = await offeredBy(placed(backend), {}, signal);
  } catch (error) {
    const key = backend.options.url === undefined ? 'command' : 'url';
    const message = `the upstream of "${backend.name}" does not serve: ${(error as Error).message}`;
    report.error({ path: [key] }, message, 'start it, or correct the declaration');
    return;
  }
  const pinned = new Map([...read.pins.tools].map(([name, { hash }]) => [name, hash]));
  for (const { name, change } of changesSince(pinned, live)) {
    const message = `the upstream's tool "${name}" is not as it was pinned: ${change}`;
    const hint = `review it with \`sallyport pin ${backend.name}\``;
    if (change === 'added') report.warning({ path: ['pins'] }, message, hint);
    else report.error({ path: ['pins'] }, message, hint);
  }
}
