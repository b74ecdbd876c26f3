import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Config, type ConfigOverrides, loadConfig } from '../../src/config.ts';
import { ConfigurationError, problemText } from '../../src/core/problem.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sallyport-config-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

function load(text: string, env: Record<string, string> = {}, overrides?: ConfigOverrides): Config {
  const file = join(directory, 'sallyport.yaml');
  writeFileSync(file, text);
  return loadConfig({ file, env, ...(overrides && { overrides }) });
}

function problems(text: string, env: Record<string, string> = {}): string[] {
  try {
    load(text, env);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.problems.map((problem) => problemText(problem).replace(`${directory}/`, ''));
  }
  throw new Error('it loaded');
}

const ONE_ISSUER = 'issuers:\n  - issuer: https://id.example.com\n';

describe('a configuration', () => {
  it('needs nothing but who may call', () => {
    expect(load(ONE_ISSUER)).toEqual({
      listen: { host: '127.0.0.1', port: 8931 },
      publicUrl: 'http://127.0.0.1:8931',
      dataDirectory: join(directory, '.sallyport'),
      keysDirectory: join(directory, '.sallyport', 'keys'),
      durableWithinMs: 5_000,
      retention: [],
      policiesDirectory: join(directory, 'policies'),
      issuers: [
        {
          name: undefined,
          issuer: 'https://id.example.com',
          audience: 'http://127.0.0.1:8931/mcp',
          groupsClaim: 'groups',
          requiredScopes: [],
          algorithms: expect.arrayContaining(['RS256', 'ES256', 'EdDSA']) as string[],
        },
      ],
      checkpoints: { stdout: false },
      agentPatienceMs: {},
      masking: { secondOpinion: 0.05, revealTakesTwo: true },
      roles: {
        approver: { groups: [], people: [] },
        auditor: { groups: [], people: [] },
        admin: { groups: [], people: [] },
        revealer: { groups: [], people: [] },
      },
      allowedOrigins: ['http://127.0.0.1:8931'],
      allowedHosts: ['127.0.0.1:8931'],
      logLevel: 'info',
    });
  });

  it('never accepts an algorithm whose key verifies and signs alike', () => {
    expect(load(ONE_ISSUER).issuers[0]?.algorithms.filter((name) => name.startsWith('HS') || name === 'none')).toEqual(
      [],
    );
    expect(problems(`${ONE_ISSUER}    algorithms: [HS256]\n`)).toEqual([
      expect.stringMatching(/^sallyport\.yaml:3:18: error: expected one of RS256.*did you mean "RS256"/) as string,
    ]);
  });

  it('says how people sign in, and never shows the secret it does that with', () => {
    const people = 'people:\n  issuer: https://id.example.com\n  clientId: sallyport\n  clientSecret: ${env:PEOPLE}\n';
    const config = load(`${ONE_ISSUER}${people}`, { PEOPLE: 'canary' });
    expect(config.people).toMatchObject({ clientId: 'sallyport', clientAuthentication: 'client_secret_basic' });
    expect(config.people?.clientSecret?.reveal()).toBe('canary');
    expect(JSON.stringify(config)).not.toContain('canary');
  });

  it('takes people from an issuer it trusts, so that nobody can approve their own call under another name', () => {
    expect(problems(`${ONE_ISSUER}people: { issuer: 'https://other.example', clientId: sallyport }\n`)).toEqual([
      expect.stringMatching(/^sallyport\.yaml:3:19: error: expected one of `issuers`/) as string,
    ]);
  });

  it('gives roles to groups and to people', () => {
    expect(load(`${ONE_ISSUER}roles: { admin: { groups: [platform], people: [ann] } }\n`).roles.admin).toEqual({
      groups: ['platform'],
      people: ['ann'],
    });
    expect(problems(`${ONE_ISSUER}roles: { amdin: { groups: [platform] } }\n`)).toEqual([
      expect.stringContaining('did you mean "admin"?') as string,
    ]);
  });

  it('cannot be changed once it is loaded', () => {
    const config = load(ONE_ISSUER);
    expect(() => (config.issuers as unknown[]).push({})).toThrow(TypeError);
    expect(() => Object.assign(config.listen, { port: 1 })).toThrow(TypeError);
  });

  it('takes what the command line says before what the file says', () => {
    const config = load(`${ONE_ISSUER}listen: 127.0.0.1:1\ndata: here\n`, {}, { listen: '[::1]:2', data: 'there' });
    expect(config.listen).toEqual({ host: '::1', port: 2 });
    expect(config.publicUrl).toBe('http://[::1]:2');
    expect(config.dataDirectory).toBe(join(process.cwd(), 'there'));
  });

  it('needs no file where the command line says it all', () => {
    const overrides = { issuers: [{ issuer: 'http://127.0.0.1:9000' }] };
    expect(loadConfig({ env: {}, overrides }).issuers[0]?.issuer).toBe('http://127.0.0.1:9000');
  });

  it('resolves references, and refuses a missing one instead of taking it literally', () => {
    writeFileSync(join(directory, 'audience'), 'broker\n');
    const text = `issuers:\n  - issuer: \${env:ISSUER}\n    audience: \${file:audience}\n`;
    expect(load(text, { ISSUER: 'https://id.example.com' }).issuers[0]).toMatchObject({
      issuer: 'https://id.example.com',
      audience: 'broker',
    });
    expect(problems(text, { ISSUERS: 'https://id.example.com' })).toEqual([
      'sallyport.yaml:2:13: error: environment variable ISSUER is not set (did you mean "ISSUERS"?)',
    ]);
  });

  it('has retention rules by name, and refuses ages and types that make no sense', () => {
    const rules = `${ONE_ISSUER}\nretention: { contacts: { after: 168h, tools: [find_customer] } }`;
    expect(load(rules).retention).toEqual([
      { name: 'contacts', after: '7d', afterMs: 604_800_000, tools: ['find_customer'] },
    ]);
    expect(problems(`${ONE_ISSUER}\nretention: { x: { after: soon, types: [lease.issued] } }`)).toEqual([
      expect.stringContaining('expected a duration'),
      expect.stringContaining('expected one of intent, outcome, refused, approval.requested'),
    ]);
  });

  it('reports every problem at once, with its place', () => {
    const text = [
      'listn: 127.0.0.1:1',
      'logLevel: loud',
      'publicUrl: https://broker.example.com/path',
      'issuers:',
      '  - issuer: http://id.example.com',
      '    audience: ""',
      '  - issuers: https://id.example.com',
      'data: ${envy:X}',
    ].join('\n');
    expect(problems(text)).toEqual([
      'sallyport.yaml:1:1: error: unknown key "listn" (did you mean "listen"?)',
      expect.stringMatching(/^sallyport\.yaml:2:11: error: expected one of trace/),
      expect.stringMatching(/^sallyport\.yaml:3:12: error: expected an origin/),
      expect.stringMatching(/^sallyport\.yaml:5:13: error: expected https/),
      expect.stringMatching(/^sallyport\.yaml:6:15: error: expected at least 1 character/),
      'sallyport.yaml:7:5: error: missing `issuer`: expected an address such as https://broker.example.com',
      'sallyport.yaml:7:5: error: unknown key "issuers" (did you mean "issuer"?)',
      expect.stringMatching(/^sallyport\.yaml:8:7: error: "\$\{" starts a reference/),
    ]);
  });

  it('says of an issuer that is no address what is expected, and of https no more than it must', () => {
    expect(problems('issuers: [{ issuer: nonsense, audience: a }]\n')).toEqual([
      'sallyport.yaml:1:21: error: expected an address such as https://broker.example.com',
    ]);
  });

  it('asks for names where there is more than one issuer', () => {
    const text = `${ONE_ISSUER}  - issuer: https://id.example.com\n    name: b\n  - { issuer: https://c.example.com, name: b }\n`;
    expect(problems(text)).toEqual([
      expect.stringMatching(/^sallyport\.yaml:2:5: error: missing: `name`/),
      expect.stringMatching(/^sallyport\.yaml:3:13: error: this issuer is listed twice/),
      expect.stringMatching(/^sallyport\.yaml:5:44: error: another issuer is called "b" too/),
    ]);
  });

  it('asks where the broker is, when the address it listens on does not tell', () => {
    expect(problems(`${ONE_ISSUER}listen: 0.0.0.0:80\n`)).toEqual([
      expect.stringMatching(/^sallyport\.yaml:3:9: error: clients cannot tell/),
    ]);
    expect(load(`${ONE_ISSUER}listen: 0.0.0.0:80\npublicUrl: https://b.example.com/\n`).publicUrl).toBe(
      'https://b.example.com',
    );
  });

  it.each(['8931', 'localhost', '127.0.0.1:65536', '::1:80', 'a b:1'])('refuses to listen on %s', (listen) => {
    expect(problems(`${ONE_ISSUER}listen: "${listen}"\n`)).toHaveLength(1);
  });

  it('asks of Slack for what belongs together', () => {
    const people = 'people: { issuer: https://id.example.com, clientId: sallyport }\n';
    const slack = (keys: string): string => `${ONE_ISSUER}${people}approvals: { slack: { ${keys} } }\n`;
    const webhook = 'webhook: https://hooks.slack.com/services/T/B/X';
    const user = 'users: { U1: { subject: finn, groups: [finance] } }';
    expect(load(slack(`${webhook}, signingSecret: s3cret, ${user}`)).slack).toMatchObject({
      to: { kind: 'webhook' },
      users: { U1: { subject: 'finn', groups: ['finance'] } },
    });
    expect(JSON.stringify(load(slack(`${webhook}, signingSecret: s3cret, ${user}`)))).not.toMatch(/s3cret|services/);
    for (const [keys, problem] of [
      ['signingSecret: s', 'expected either `webhook` or `channel`'],
      [`${webhook}, channel: C1, botToken: b`, 'expected either `webhook` or `channel`'],
      ['channel: C1', 'only a bot posts to a channel'],
      [`${webhook}, signingSecret: s`, 'no click would count'],
      [`${webhook}, ${user}`, 'nobody can click'],
      [`${webhook}, botToken: b`, 'nothing would use it'],
      [`${webhook}, signingSecret: s, users: { a@b.example: { subject: a } }`, 'only a bot can look'],
      ['webhook: http://hooks.example/x', 'expected https'],
    ] as const) {
      expect(problems(slack(keys)).join('\n')).toContain(problem);
    }
    expect(problems(`${ONE_ISSUER}approvals: { slack: { ${webhook} } }\n`).join()).toContain('people must be able');
  });

  it('says so where there is no file', () => {
    expect(() => loadConfig({ file: join(directory, 'nowhere.yaml'), env: {} })).toThrow(
      /nowhere\.yaml:1:1: error: there is no such file/,
    );
  });
});
