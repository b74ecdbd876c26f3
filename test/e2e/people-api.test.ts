// The people's API of a whole broker: a real agent's call waits, and real people of the real provider decide about it.
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { storeLogSource } from '../../src/store/log-source.ts';
import { openSqliteReader } from '../../src/store/sqlite-reader.ts';
import { startTestBroker, type TestBroker } from '../support/broker.ts';
import { refundsOn, type Refunds } from '../support/waiting-refunds.ts';

let broker: TestBroker;
let api: string;
let refunds: Refunds;
const tokens: Record<string, string> = {};

beforeAll(async () => {
  broker = await startTestBroker();
  refunds = refundsOn(broker);
  api = `${broker.publicUrl}/api/v1`;
  broker.provider.registerPerson({ email: 'faye@shop.example', name: 'Faye', groups: ['support', 'finance'] });
  for (const name of ['ada', 'finn', 'faye', 'paula', 'sam']) {
    tokens[name] = (await broker.provider.signIn(`${name}@shop.example`)).accessToken;
  }
});
afterAll(() => broker[Symbol.asyncDispose]());

interface Answer {
  readonly status: number;
  readonly type: string | null;
  readonly headers: Headers;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- what came over the wire is asserted, not typed
  readonly body: any;
}

async function ask(path: string, as: string | undefined, init: RequestInit = {}): Promise<Answer> {
  const authorization = as === undefined ? {} : { authorization: `Bearer ${tokens[as] ?? as}` };
  const response = await fetch(api + path, { ...init, headers: { ...authorization, ...(init.headers as object) } });
  const text = await response.text();
  const { status, headers } = response;
  return { status, headers, type: headers.get('content-type'), body: text === '' ? undefined : JSON.parse(text) };
}

function review(id: string, as: string, said: unknown): Promise<Answer> {
  const headers = { 'content-type': 'application/json' };
  return ask(`/approvals/${id}/reviews`, as, { method: 'POST', headers, body: JSON.stringify(said) });
}

const yes = { verdict: 'approve', reason: 'the goods came back' };

describe("the people's API", () => {
  it('tells people who they are, and which roles they have', async () => {
    expect((await ask('/whoami', 'paula')).body).toEqual({
      issuer: broker.provider.issuer,
      subject: 'paula@shop.example',
      name: 'Paula',
      groups: ['platform'],
      roles: ['admin'],
    });
  });

  it('shows an approver what will run, takes one yes, and the call runs once', async () => {
    const { id, order, reply } = await refunds.ask();
    const { status, body } = await ask(`/approvals/${id}`, 'finn');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      id,
      state: 'pending',
      tool: 'refund_order',
      backend: 'shop',
      principal: { actor: 'support-agent' },
      arguments: { order_id: order, amount: 60 },
      requirements: [{ rule: 'large-refunds-need-finance', approvers: { groups: ['finance'], people: [] }, quorum: 1 }],
      mayApprove: true,
      mayDeny: true,
      reasonRequired: true,
      reviews: [],
      page: `${broker.publicUrl}/console/approvals/${id}`,
    });
    expect(body.digest).toMatch(/^[\w+/=-]{12}$/);
    const answered = await review(id, 'finn', yes);
    expect(answered).toMatchObject({ status: 201, body: { reviews: [{ person: { name: 'Finn' }, ...yes }] } });
    expect(await reply).toMatchObject({ result: { structuredContent: { rowCount: 1 } } });
    expect((await ask(`/approvals/${id}`, 'finn')).body).toMatchObject({ state: 'used', mayApprove: false });
  });

  it('lists to each person what they may open, and nothing else', async () => {
    const { id, reply } = await refunds.ask();
    const ids = async (as: string, query = ''): Promise<string[]> =>
      ((await ask(`/approvals${query}`, as)).body.approvals as { id: string }[]).map((one) => one.id);
    for (const person of ['finn', 'paula', 'sam']) expect(await ids(person)).toContain(id);
    expect(await ids('ada')).toEqual([]);
    expect(await ids('finn', '?state=pending&limit=1')).toEqual([id]);
    expect(await ids('finn', '?state=denied')).not.toContain(id);
    expect(await ask(`/approvals/${id}`, 'ada')).toMatchObject({ status: 403, body: { code: 'closed_to_you' } });
    await review(id, 'finn', { verdict: 'deny', reason: 'not ours' });
    expect((await reply).result.content[0]?.text).toContain('Finn declined this call and said: not ours');
  });

  it('counts nobody whom the rule does not ask, whatever their role', async () => {
    const { id, reply } = await refunds.ask();
    for (const person of ['paula', 'sam', 'ada']) {
      expect(await review(id, person, yes)).toMatchObject({ status: 403, body: { code: 'not_an_approver' } });
    }
    expect((await ask(`/approvals/${id}`, 'finn')).body).toMatchObject({ state: 'pending', reviews: [] });
    await review(id, 'finn', { verdict: 'deny', reason: 'tidying up' });
    await reply;
  });

  it('lets nobody approve a call that is made on their own behalf', async () => {
    const own = await broker.provider.accessToken({ agent: 'support-agent', subject: 'faye@shop.example' });
    const hers = await refunds.ask(own);
    expect(await review(hers.id, 'faye', yes)).toMatchObject({ status: 403, body: { code: 'own_call' } });
    expect((await ask(`/approvals/${hers.id}`, 'faye')).body).toMatchObject({ mayApprove: false, mayDeny: false });
    expect((await review(hers.id, 'finn', yes)).status).toBe(201);
    await hers.reply;
  });
});

describe('a review is refused', () => {
  it('from an agent, whoever it acts for and whatever its token is for', async () => {
    const { provider, publicUrl } = broker;
    const { id, reply } = await refunds.ask();
    const forApi = `${publicUrl}/api`;
    for (const token of [
      await provider.accessToken({ agent: 'support-agent' }),
      await provider.accessToken({ agent: 'support-agent', audience: forApi }),
      await provider.accessToken({ agent: 'support-agent', subject: 'finn@shop.example', audience: forApi }),
      // A person's own, but not for the API; and what proves to Sallyport who signed in, which is no key to anything.
      (await provider.signIn('finn@shop.example', `${publicUrl}/mcp`)).accessToken,
      (await provider.signIn('finn@shop.example')).idToken,
      'nonsense',
    ]) {
      const refused = await review(id, token, yes);
      expect(refused).toMatchObject({ status: 401, type: 'application/problem+json', body: { code: 'invalid_token' } });
      expect(refused.headers.get('www-authenticate')).toContain('/.well-known/oauth-protected-resource/api"');
      expect(JSON.stringify(refused.body)).toContain('sallyport login');
    }
    expect((await ask(`/approvals/${id}`, undefined)).status).toBe(401);
    expect((await ask(`/approvals/${id}`, 'finn')).body).toMatchObject({ state: 'pending', reviews: [] });
    await review(id, 'finn', { verdict: 'deny', reason: 'tidying up' });
    await reply;
  });

  it('without the reason its rule wants, and when it is not what the document says', async () => {
    const { id, reply } = await refunds.ask();
    for (const reason of [undefined, '', '   ']) {
      expect(await review(id, 'finn', { verdict: 'approve', reason })).toMatchObject({
        status: 422,
        body: { code: 'reason_missing', detail: expect.stringContaining('Give a reason') as string },
      });
    }
    for (const said of [{}, { verdict: 'maybe' }, { ...yes, quorum: 0 }, [yes], 'approve', { ...yes, reason: 1 }]) {
      expect(await review(id, 'finn', said)).toMatchObject({ status: 400, body: { code: 'invalid_body' } });
    }
    const path = `/approvals/${id}/reviews`;
    const post = (body: string, type = 'application/json'): Promise<Answer> =>
      ask(path, 'finn', { method: 'POST', body, headers: { 'content-type': type } });
    expect((await post('{"verdict":"approve",')).status).toBe(400);
    expect((await post('{"verdict":"deny","verdict":"approve","reason":"x"}')).status).toBe(400);
    expect((await post('verdict=approve&reason=x', 'application/x-www-form-urlencoded')).status).toBe(415);
    expect((await post(JSON.stringify({ ...yes, reason: 'x'.repeat(2_000_000) }))).status).toBe(413);
    expect((await ask(`/approvals/${id}`, 'finn')).body).toMatchObject({ state: 'pending', reviews: [] });
    await review(id, 'finn', { verdict: 'deny', reason: 'tidying up' });
    await reply;
  });

  it('by GET, which decides nothing, and from a page of another site', async () => {
    const { id, reply } = await refunds.ask();
    const got = await ask(`/approvals/${id}/reviews?verdict=approve&reason=x`, 'finn');
    expect(got).toMatchObject({ status: 405, body: { code: 'method_not_allowed' } });
    expect(got.headers.get('allow')).toBe('POST');
    const headers = { 'content-type': 'application/json', origin: 'https://evil.example' };
    const crossSite = await ask(`/approvals/${id}/reviews`, 'finn', {
      method: 'POST',
      headers,
      body: JSON.stringify(yes),
    });
    expect(crossSite).toMatchObject({ status: 403, type: 'application/problem+json', body: { code: 'wrong_origin' } });
    expect((await ask(`/approvals/${id}`, 'finn')).body).toMatchObject({ state: 'pending', reviews: [] });
    await review(id, 'finn', { verdict: 'deny', reason: 'tidying up' });
    await reply;
  });

  it('twice, after a denial, and once the time is up', async () => {
    const denied = await refunds.ask();
    expect((await review(denied.id, 'finn', { verdict: 'deny', reason: 'no' })).status).toBe(201);
    expect(await review(denied.id, 'faye', yes)).toMatchObject({ status: 409, body: { code: 'over' } });
    expect(await review(denied.id, 'finn', yes)).toMatchObject({ status: 409, body: { code: 'already_reviewed' } });
    await denied.reply;

    const late = await refunds.ask();
    refunds.makeLate(late.id);
    expect((await ask(`/approvals/${late.id}`, 'finn')).body).toMatchObject({ state: 'expired', mayApprove: false });
    expect(await review(late.id, 'finn', yes)).toMatchObject({ status: 409, body: { code: 'over' } });
    expect((await late.reply).result.content[0]?.text).toContain('Nobody decided about this call in time');
  });

  it('where there is nothing to review', async () => {
    expect(await review('018f0000-0000-7000-8000-000000000000', 'finn', yes)).toMatchObject({ status: 404 });
    expect(await ask('/approvals/nonsense', 'finn')).toMatchObject({ status: 404, body: { code: 'unknown' } });
    expect(await ask('/elsewhere', 'finn')).toMatchObject({ status: 404, body: { code: 'not_found' } });
    expect(await ask('/approvals?state=maybe', 'finn')).toMatchObject({ status: 400, body: { code: 'invalid_query' } });
    expect(await ask('/approvals?stat=pending', 'finn')).toMatchObject({
      status: 400,
      body: { code: 'invalid_query' },
    });
  });
});

describe('two approvers who click in the same moment', () => {
  it('make one use of one approval, whatever each of them said', async () => {
    for (const [said, other] of [
      [yes, yes],
      [yes, { verdict: 'deny', reason: 'no' }],
    ]) {
      const { id, order, reply } = await refunds.ask();
      const answers = await Promise.all([review(id, 'finn', said), review(id, 'faye', other)]);
      expect(answers.some(({ status }) => status === 201)).toBe(true);
      for (const { status } of answers) expect([201, 409]).toContain(status);
      const ran = (await reply).result.isError !== true;
      const used = refunds.entries('approval', id).filter(({ type }) => type === 'approval.used');
      expect(used).toHaveLength(ran ? 1 : 0);
      expect(await refunds.isRefunded(order)).toBe(ran);
      if (other === yes) expect(ran).toBe(true);
    }
  });
});

describe('what was kept beside the log', () => {
  it('is erased at the word of an admin alone, and the log says who did it and why', async () => {
    const { id, reply } = await refunds.ask();
    await review(id, 'finn', { verdict: 'deny', reason: 'not ours' });
    await reply;
    await using reader = openSqliteReader(join(broker.dataDirectory, 'sallyport.db'));
    const source = storeLogSource(reader);
    const [requested] = await source.entries({ type: 'approval.requested', text: id }, 1);
    const { invocation } = JSON.parse(requested!.text) as { invocation: string };
    const erase = (as: string, asked: unknown): Promise<Answer> => {
      const headers = { 'content-type': 'application/json' };
      return ask('/log/erasures', as, { method: 'POST', headers, body: JSON.stringify(asked) });
    };
    const asked = { invocation, reason: 'the customer asked for it' };
    expect(await erase('finn', asked)).toMatchObject({ status: 403, body: { code: 'wrong_role' } });
    for (const wrong of [
      { reason: 'x' },
      { ...asked, before: '2020-01-01T00:00:00Z' },
      { invocation },
      { ...asked, entries: [] },
    ]) {
      expect(await erase('paula', wrong)).toMatchObject({ status: 400, body: { code: 'invalid_body' } });
    }
    expect(await source.sealedPayload(requested!.seq)).toBeDefined();
    expect(await erase('paula', asked)).toMatchObject({ status: 201, body: { erased: 2 } });
    expect(await source.sealedPayload(requested!.seq)).toBeUndefined();
    const gone = { entries: [requested!.seq], reason: 'again' };
    expect(await erase('paula', gone)).toMatchObject({ status: 404, body: { code: 'nothing_to_erase' } });
    const unruled = { retention: 'nobody-wrote-it', reason: 'again' };
    expect(await erase('paula', unruled)).toMatchObject({ status: 404, body: { code: 'unknown_retention_rule' } });
    const [entry] = await source.entries({ type: 'payload.erased' }, 1, 'newest');
    expect(JSON.parse(entry!.text)).toMatchObject({ reason: asked.reason, person: { subject: 'paula@shop.example' } });
    expect((await ask(`/approvals/${id}`, 'finn')).body).toMatchObject({
      arguments: null,
      withheld: 'They have been erased.',
    });
  });
});

describe('the OpenAPI document', () => {
  const ajv = formats.default(new Ajv2020({ strict: false }));
  const sample = (schema: object, value: unknown): void => {
    const fits = ajv.validate(schema, value);
    expect(ajv.errors ?? []).toEqual([]);
    expect(fits).toBe(true);
  };

  it('describes every operation that is served, and what it answers', async () => {
    const { id, reply } = await refunds.ask();
    const document = (await ask('/openapi.json', undefined)).body;
    expect(document.openapi).toBe('3.1.1');
    const said: Record<string, unknown> = {
      '/approvals/{id}/reviews': { verdict: 'deny', reason: 'tidying up' },
      '/grants/{id}/revocation': {},
      '/leases/{id}/revocation': { reason: 'r' },
      '/principals/blocks': { kind: 'session', name: 'no such session', reason: 'r' },
      '/principals/unblocks': { kind: 'session', name: 'no such session', reason: 'r' },
      '/backends/{name}/disablement': { reason: 'r' },
      '/backends/{name}/enablement': { reason: 'r' },
      '/log/erasures': { before: '2020-01-01T00:00:00Z', reason: 'too old' },
      '/tokens/reveals': { token: 'tok_email_x', reason: 'a complaint' },
      '/tokens/reveals/{id}/approval': {},
      '/tokens/reveals/{id}/value': {},
    };
    const served = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods as object).map(([method, operation]) => ({ path, method, operation })),
    );
    expect(served.map(({ path, method }) => `${method} ${path}`)).toEqual([
      'get /whoami',
      'get /approvals',
      'get /approvals/{id}',
      'post /approvals/{id}/reviews',
      'get /grants',
      'post /grants/{id}/revocation',
      'post /log/erasures',
      'get /leases',
      'post /leases/{id}/revocation',
      'get /principals',
      'post /principals/blocks',
      'post /principals/unblocks',
      'get /backends',
      'post /backends/{name}/disablement',
      'post /backends/{name}/enablement',
      'post /tokens/reveals',
      'post /tokens/reveals/{id}/approval',
      'post /tokens/reveals/{id}/value',
    ]);
    for (const { path, method, operation } of served) {
      const init = { method: method.toUpperCase(), headers: { 'content-type': 'application/json' } };
      const body = said[path] === undefined ? {} : { body: JSON.stringify(said[path]) };
      if (operation.requestBody) sample(operation.requestBody.content['application/json'].schema, said[path]);
      const who = /^\/(log|leases|principals|backends)\b/.test(path) ? 'paula' : 'finn';
      const good = await ask(path.replace('{id}', id).replace('{name}', 'shop'), who, { ...init, ...body });
      // No grant, lease or request has the id of an approval.
      if (/^\/((grants|leases)\/\{id\}|tokens\/)/.test(path)) sample(document.components.schemas.Problem, good.body);
      else sample(operation.responses[good.status].content['application/json'].schema, good.body);

      const problem = document.components.schemas.Problem;
      const unauthenticated = await ask(path.replace('{id}', id), undefined, { ...init, ...body });
      expect(Object.keys(operation.responses)).toContain(String(unauthenticated.status));
      sample(problem, unauthenticated.body);
      if (!path.includes('{id}')) continue;
      for (const [wrongId, who] of [
        ['no-such-id', 'finn'],
        [id, 'ada'],
        [id, 'finn'],
      ] as const) {
        const refused = await ask(path.replace('{id}', wrongId), who, { ...init, ...body });
        expect(Object.keys(operation.responses)).toContain(String(refused.status));
        if (refused.status > 299) sample(problem, refused.body);
      }
    }
    await reply;
  });

  it('is found from the metadata of the API, with all that a person needs to sign in', async () => {
    const metadata = await fetch(`${broker.publicUrl}/.well-known/oauth-protected-resource/api`);
    expect(await metadata.json()).toMatchObject({
      resource: `${broker.publicUrl}/api`,
      authorization_servers: [broker.provider.issuer],
      sallyport_client_id: broker.provider.peopleClientId,
    });
  });
});
