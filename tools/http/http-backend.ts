// What a backend of kind `http` declares: one origin, how calls sign in to it, and which addresses it may stand at.
import { z } from 'zod';
import type { Report } from '../../src/core/problem.ts';
import type { DeclaredBackend } from '../tool-kind.ts';
import { readOpenApi } from './openapi-document.ts';
import { isReachable, readRange, type AddressRange } from './addresses.ts';

const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** Headers that the broker, or the connection, speaks for. */
const OWN_HEADERS = new Set([
  ...['accept', 'accept-encoding', 'connection', 'content-length', 'content-type', 'expect', 'host', 'keep-alive'],
  ...['proxy-authorization', 'te', 'trailer', 'transfer-encoding', 'upgrade'],
]);

export const headerName = z
  .string()
  .regex(HEADER_NAME, 'expected the name of a header')
  .refine((name) => !isOwnHeader(name), 'the broker itself says what stands in this header');
export const headerValue = z.string().regex(HEADER_VALUE, 'expected one line of text that a header can carry');

const range = z.string().transform((text, context): AddressRange => {
  const read = readRange(text);
  if (read !== undefined) return read;
  context.addIssue({ code: 'custom', message: 'expected an address such as 10.1.2.3, or a range such as 10.0.0.0/8' });
  return z.NEVER;
});

export const httpBackend = z.strictObject({
  url: z
    .string()
    .refine(isHttpUrl, 'expected https://HOST or https://HOST/BASE/PATH, without a query')
    .refine(carriesNoLogin, 'the url carries a login; leave it out: each lease brings its own')
    .refine(isPlainHost, 'the host is an address in an unusual notation; write it as 127.0.0.1 or [::1]')
    .describe('The one origin that calls may reach, with the path that all of them begin with.')
    .meta({ examples: ['https://api.example.com/v1'] }),
  openapi: z.string().min(1).optional()
    .describe('An OpenAPI 3 description (JSON or YAML) to import tools from: a path relative to the policy directory.'),
  headers: z.record(headerName, headerValue).default({}).describe('Headers of every call.'),
  token: z.strictObject({
    header: headerName.describe('The header that the token of a lease stands in.'),
    prefix: headerValue.default('').describe('What stands before it, such as "Token ".'),
  }).optional().describe('Where the token goes; left out: `Authorization: Bearer`.'),
  idempotencyHeader: headerName.default('Idempotency-Key')
    .describe('The header by which the backend can tell that a POST or PATCH was sent twice: it carries the id of the invocation.'),
  privateAddresses: z.array(range).default([])
    .describe('Addresses, or ranges of them, that are private, loopback or link-local, and may be reached all the same.'),
}); // prettier-ignore

export type HttpBackend = z.output<typeof httpBackend>;

/** What the options tell only together. */
export function checkHttpBackend({ options, documents }: DeclaredBackend<HttpBackend>, report: Report): void {
  const document = documents.get('openapi');
  const api = document === undefined ? undefined : readOpenApi(document);
  if (typeof api === 'string') report.error({ path: ['openapi'] }, api);
  const { protocol, hostname } = new URL(options.url);
  const address = hostname.replace(/^\[|\]$/g, '');
  const isAddress = readRange(address) !== undefined;
  if (isAddress && !isReachable(address, options.privateAddresses)) {
    const hint = `if that is meant, add it to the backend: privateAddresses: ["${address}"]`;
    report.error({ path: ['url'] }, `${address} is no public address`, hint);
  }
  if (protocol === 'http:' && options.privateAddresses.length === 0) {
    report.warning({ path: ['url'] }, 'credentials and data travel unencrypted', 'use https');
  }
  const spoken = [options.token?.header, options.idempotencyHeader].map((name) => name?.toLowerCase());
  for (const name of Object.keys(options.headers)) {
    const taken = spoken.includes(name.toLowerCase()) || (options.token === undefined && /^authorization$/i.test(name));
    if (!taken) continue;
    report.error({ path: ['headers', name], atKey: true }, 'the broker itself puts something into this header');
  }
}

export function isHeaderName(name: string): boolean {
  return HEADER_NAME.test(name);
}

export function isOwnHeader(name: string): boolean {
  return OWN_HEADERS.has(name.toLowerCase());
}

function isHttpUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol } = new URL(text);
  return /^https?:$/.test(protocol) && !/[\\?#]|%2f|%5c/i.test(text);
}

function carriesNoLogin(text: string): boolean {
  if (!URL.canParse(text)) return true;
  return !/^[a-z]+:\/\/[^/]*@/i.test(text);
}

/** `http://2130706433`, `http://0x7f.1` and `http://[::ffff:127.0.0.1]` are loopback in disguise. */
function isPlainHost(text: string): boolean {
  if (!URL.canParse(text)) return true;
  const { hostname } = new URL(text);
  const written = /^[a-z]+:\/\/(?:[^/@]*@)?(\[[^\]]*\]|[^:/]*)/i.exec(text)?.[1] ?? '';
  if (/^\[::ffff:/i.test(hostname)) return false;
  return !/^(\[|\d+\.\d+\.\d+\.\d+$)/.test(hostname) || written.toLowerCase() === hostname;
}
