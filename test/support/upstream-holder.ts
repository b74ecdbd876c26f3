// A process that stands for a broker: it holds a child of the kind `mcp`, prints the ids of it and of a process that the
// child has started, and waits to be killed.
import { callUpstreamTool, openUpstream, serverCommand } from './upstream.ts';

const upstream = await openUpstream({ command: serverCommand('upstream-v2.ts') });
const lease = upstream.lease();
const child = await callUpstreamTool(upstream.tool('environment'), lease);
const started = await callUpstreamTool(upstream.tool('spawn'), lease);
process.stdout.write(`${JSON.stringify([child.structured?.['pid'], started.structured?.['pid']])}\n`);
setInterval(() => undefined, 60_000);
