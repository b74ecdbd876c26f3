// The tool kind `http`: a request as a tool.
import { z } from 'zod';
import type { ToolKind } from '../tool-kind.ts';
import { systemResolve, type Resolve } from './addresses.ts';
import { compileRequest, declaredRequest } from './declared-request.ts';
import { checkHttpBackend, httpBackend, type HttpBackend } from './http-backend.ts';
import { callHttp } from './http-call.ts';
import { examineHttp } from './http-examine.ts';
import { isSafe } from './request.ts';

const tool = z.strictObject(declaredRequest);

export type HttpTool = z.output<typeof tool>;

export const httpKind = createHttpKind(systemResolve);

/** @param resolve how names become addresses */
export function createHttpKind(resolve: Resolve): ToolKind<HttpBackend, HttpTool> {
  return {
    kind: 'http',
    backend: httpBackend,
    tool,
    credentials: ['oauth-token-exchange', 'oauth-client-credentials', 'vault', 'static', 'none'],
    checkBackend: checkHttpBackend,

    compile(declared, report) {
      const { name, input, annotations, backend, limits } = declared;
      const plan = compileRequest(declared, report);
      if (plan === undefined) return [];
      if (annotations.readOnly && !isSafe(plan.method)) {
        const message = `a ${plan.method} request usually changes something, and that it does not is for the backend to hold`;
        report.warning({ path: ['readOnly'] }, message, 'leave readOnly out, unless the backend only reads there');
      }
      const operation = { backend: backend.name, options: backend.options, plan, limits, resolve };
      const required = Object.keys(input.properties).filter((one) => !input.optional.includes(one));
      return [
        {
          name,
          inputSchema: { type: 'object', properties: input.properties, required, additionalProperties: false },
          call: (call) => callHttp(operation, call),
        },
      ];
    },

    examine: ({ backend, report }, signal) => examineHttp(backend, report, resolve, signal),
  };
}
