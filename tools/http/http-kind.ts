// The tool kind `http`: a request as a tool, declared or imported from an OpenAPI description.
import { z } from 'zod';
import type { CompiledTool, ToolKind } from '../tool-kind.ts';
import { systemResolve, type Resolve } from './addresses.ts';
import { compileRequest, declaredRequest } from './declared-request.ts';
import { checkHttpBackend, httpBackend, type HttpBackend } from './http-backend.ts';
import { callHttp } from './http-call.ts';
import { examineHttp } from './http-examine.ts';
import { declaredImport, importTools } from './openapi-import.ts';
import type { RequestPlan } from './request.ts';

const tool = z.strictObject({ ...declaredRequest, ...declaredImport });

const IMPORTING = Object.keys(declaredImport) as (keyof typeof declaredImport)[];
const DECLARING = Object.keys(declaredRequest) as (keyof typeof declaredRequest)[];

export type HttpTool = z.output<typeof tool>;

export const httpKind = createHttpKind(systemResolve);

/** @param resolve how names become addresses */
export function createHttpKind(resolve: Resolve): ToolKind<HttpBackend, HttpTool> {
  return {
    kind: 'http',
    backend: httpBackend,
    tool,
    credentials: ['oauth-token-exchange', 'oauth-client-credentials', 'vault', 'static', 'none'],
    documents: ({ openapi }) => (openapi === undefined ? [] : [{ key: 'openapi', file: openapi }]),
    checkBackend: checkHttpBackend,

    compile(declared, report) {
      const { backend, limits, declaration } = declared;
      const callOf = (plan: RequestPlan): CompiledTool['call'] => {
        const operation = { backend: backend.name, options: backend.options, plan, limits, resolve };
        return (call) => callHttp(operation, call);
      };
      const isImport = IMPORTING.some((key) => declaration[key] !== undefined);
      if (!isImport) {
        const request = compileRequest(declared, report);
        return request === undefined ? [] : [{ ...request, call: callOf(request.plan) }];
      }
      for (const key of DECLARING) {
        if (declaration[key] === undefined) continue;
        report.error({ path: [key], atKey: true }, 'a tool is either imported or declared', 'leave one of the two out');
      }
      return importTools(declared, report).map(({ plan, title, description, leftOut: _, ...tool }) => ({
        ...tool,
        ...(title === undefined ? {} : { title }),
        ...(description === undefined ? {} : { description }),
        call: callOf(plan),
      }));
    },

    examine: ({ backend, report }, signal) => examineHttp(backend, report, resolve, signal),
  };
}
