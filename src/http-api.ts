// The people's API under /api/v1, mounted by src/http.ts. In order: Host and Origin, identity from the headers alone,
// operation, parameters and body, block and role, then the desk. An agent's token opens nothing here.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { z } from 'zod';
import type { ApprovalDesk } from './approval/approval-desk.ts';
import { StoreError } from './core/errors.ts';
import type { Person, Role } from './core/approval.ts';
import type { Switches } from './core/switches.ts';
import { API_PATH, apiDocument } from './http-api-document.ts';
import { OPERATIONS, type Operation } from './http-api-operations.ts';
import { readJsonBody } from './http-body.ts';
import { sendProblem, type Problem } from './http-problem.ts';
import { sendJson } from './http-reply.ts';
import { challenge } from './identity/challenge.ts';
import type { PeopleAuthenticator } from './identity/people-authenticator.ts';
import type { Erasures } from './log/erasures.ts';
import type { Reveals } from './masking/reveals.ts';
import { protectedResourceMetadataUrl } from './identity/protected-resource.ts';
import type { OperatorDesk } from './switches/operator-desk.ts';

export interface HttpApiOptions {
  readonly publicUrl: string;
  readonly version: string;
  readonly authenticator: Pick<PeopleAuthenticator, 'authenticate'>;
  readonly desk: ApprovalDesk;
  readonly operators: OperatorDesk;
  /** Who is blocked opens nothing here. Rejects with StoreError. */
  readonly isBlocked: Switches['isBlocked'];
  readonly erasures: Erasures;
  readonly reveals: Reveals;
}

export type HttpMount = (
  request: IncomingMessage,
  response: ServerResponse,
  refusal: string | undefined,
) => Promise<void>;

/** @returns what answers every request under /api; `refusal` are the words of Host and Origin, where they do not hold */
export function createHttpApi(options: HttpApiOptions): HttpMount {
  const document = apiDocument(options.publicUrl, options.version);
  const metadataUrl = protectedResourceMetadataUrl(`${options.publicUrl}/api`);

  async function identify(request: IncomingMessage, response: ServerResponse): Promise<Person | undefined> {
    const identified = await options.authenticator.authenticate(request.headers.authorization);
    if ('person' in identified) return identified.person;
    const { status, wwwAuthenticate, retryAfterS, body } = challenge(identified, metadataUrl);
    if (wwwAuthenticate !== undefined) response.setHeader('WWW-Authenticate', wwwAuthenticate);
    if (retryAfterS !== undefined) response.setHeader('Retry-After', retryAfterS);
    const todo = status === 401 ? ' Sign in with `sallyport login`; an agent has no business here.' : '';
    const detail = body.error_description + todo;
    sendProblem(response, { status, code: body.error, title: 'Who is asking could not be verified.', detail });
    return undefined;
  }

  return async (request, response, refusal) => {
    if (refusal !== undefined) {
      sendProblem(response, { status: 403, code: 'wrong_origin', title: 'Not from here.', detail: refusal });
      return;
    }
    const url = new URL(request.url ?? '/', options.publicUrl);
    const method = request.method === 'HEAD' ? 'GET' : (request.method ?? '');
    if (url.pathname === `${API_PATH}/openapi.json` && method === 'GET') {
      sendJson(response, 200, document);
      return;
    }
    const below = url.pathname.startsWith(API_PATH) ? url.pathname.slice(API_PATH.length) : '';
    const matching = OPERATIONS.flatMap((operation) => {
      const match = operation.pattern.exec(below);
      return match === null ? [] : [{ operation, parameters: match.groups ?? {} }];
    });
    const found = matching.find(({ operation }) => operation.method === method);
    if (found === undefined) {
      sendProblem(
        response,
        nothingHere(
          response,
          matching.map(({ operation }) => operation),
        ),
      );
      return;
    }
    const person = await identify(request, response);
    if (person === undefined) return;
    await answer(found.operation, found.parameters, url, person, request, response);
  };

  async function answer(
    operation: Operation,
    parameters: Readonly<Record<string, string>>,
    url: URL,
    person: Person,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const query = operation.query.safeParse(Object.fromEntries(url.searchParams));
    if (!query.success) {
      sendProblem(response, invalid('invalid_query', 'The query is not as expected.', query.error));
      return;
    }
    let body: unknown;
    if (operation.body !== undefined) {
      const read = await readJsonBody(request);
      if (read === undefined) return;
      if (!read.ok) {
        sendProblem(response, {
          status: read.status,
          code: 'invalid_body',
          title: UNEXPECTED_BODY,
          detail: read.words,
        });
        return;
      }
      const parsed = operation.body.safeParse(read.value);
      if (!parsed.success) {
        sendProblem(response, invalid('invalid_body', UNEXPECTED_BODY, parsed.error));
        return;
      }
      body = parsed.data;
    }
    const { desk, operators, erasures, reveals, publicUrl } = options;
    const asked = { desk, operators, erasures, reveals, publicUrl, person, parameters, query: query.data, body };
    try {
      const shut = (await options.isBlocked(person)) ? BLOCKED : wrongRole(operation, desk.rolesOf(person));
      const answered = shut === undefined ? await operation.run(asked) : { problem: shut };
      if ('problem' in answered) sendProblem(response, answered.problem);
      else sendJson(response, operation.status, answered.value);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      response.setHeader('Retry-After', 5);
      sendProblem(response, UNAVAILABLE);
    }
  }
}

const BLOCKED: Problem = {
  status: 403,
  code: 'blocked',
  title: 'An operator has blocked you here.',
  detail: 'Nothing was shown or changed. Ask another admin to unblock you.',
};

function wrongRole({ roles }: Operation, theirs: readonly Role[]): Problem | undefined {
  if (roles === undefined || roles.some((role) => theirs.includes(role))) return undefined;
  const detail = `It takes the role ${roles.join(' or ')}, which the configuration gives under \`roles\`.`;
  return { status: 403, code: 'wrong_role', title: 'Nothing was shown or changed.', detail };
}

const UNEXPECTED_BODY = 'The body is not as expected.';
const UNAVAILABLE: Problem = {
  status: 503,
  code: 'store_unavailable',
  title: 'The broker cannot keep its record at the moment.',
  detail: 'Nothing was changed. Try again in a minute.',
};

function nothingHere(response: ServerResponse, others: readonly Operation[]): Problem {
  if (others.length === 0) {
    const detail = `There is nothing here. What there is stands in ${API_PATH}/openapi.json.`;
    return { status: 404, code: 'not_found', title: 'There is nothing here.', detail };
  }
  const allowed = others.map(({ method }) => method).join(', ');
  response.setHeader('Allow', allowed);
  const detail = `This address takes ${allowed}.`;
  return { status: 405, code: 'method_not_allowed', title: 'This method is not allowed here.', detail };
}

function invalid(code: string, title: string, error: z.ZodError): Problem {
  const detail = error.issues.map(({ path, message }) => [...path.map(String), message].join(': ')).join('; ');
  return { status: 400, code, title, detail };
}
