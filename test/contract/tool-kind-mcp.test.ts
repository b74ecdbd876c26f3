import { callUpstreamTool, openUpstream, serverCommand } from '../support/upstream.ts';
import { UPSTREAM_SECRET } from '../support/upstream-tools.ts';
import { BACKEND_SECRET, describeToolKind } from './tool-kind-contract.ts';

if (UPSTREAM_SECRET !== BACKEND_SECRET)
  throw new Error('the upstream must plant the secret that the contract looks for');

for (const file of ['upstream-v1.ts', 'upstream-v2.ts']) {
  describeToolKind(`mcp, before ${file}`, async () => {
    const upstream = await openUpstream({ command: serverCommand(file) });
    const lease = upstream.lease();
    const maxBytes = 10_000;
    return {
      echo: upstream.tool('echo'),
      hangs: upstream.tool('hang'),
      hangsInChange: upstream.tool('hang', { readOnly: false }),
      oversize: upstream.tool('big', { limits: { bytes: maxBytes } }),
      maxBytes,
      fails: upstream.tool('fail'),
      call: (tool, args, more) => callUpstreamTool(tool, lease, args, more),
      [Symbol.asyncDispose]: () => upstream[Symbol.asyncDispose](),
    };
  });
}
