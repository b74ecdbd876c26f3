// Which addresses a backend may be reached at: public ones, and those it declares. Every name is resolved by the lookup of the
// connection itself, so that what was checked is what is connected to.
import { lookup as systemLookup, type LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';

/** Resolves a name to all its addresses: what the system does, unless a test says otherwise. */
export type Resolve = (
  hostname: string,
  options: { readonly all: true; readonly family?: number },
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

export const systemResolve: Resolve = systemLookup;

/** An address, or a range such as 10.0.0.0/8. */
export type AddressRange = readonly [ipaddr.IPv4 | ipaddr.IPv6, number];

/** Undefined where the text is neither an address nor a range. Only the usual notation is read: `127.1` and `0x7f000001` are none. */
export function readRange(text: string): AddressRange | undefined {
  const [address = '', bits] = text.split('/');
  if (isIP(address) === 0 || (bits !== undefined && !/^\d{1,3}$/.test(bits))) return undefined;
  const parsed = ipaddr.parse(address);
  const all = parsed.kind() === 'ipv4' ? 32 : 128;
  const length = bits === undefined ? all : Number(bits);
  return length <= all ? [parsed, length] : undefined;
}

/**
 * Public addresses are; private, loopback, link-local (cloud metadata), multicast, translated and reserved ones only where they are
 * declared. An IPv4 address inside an IPv6 one is taken as the IPv4 address.
 */
export function isReachable(address: string, declared: readonly AddressRange[]): boolean {
  if (isIP(address) === 0) return false;
  const parsed = ipaddr.process(address);
  if (parsed.range() === 'unicast' && !isSpecial(parsed)) return true;
  return declared.some(([range, bits]) => range.kind() === parsed.kind() && parsed.match(range, bits));
}

/** All of IPv6 that is given out (RFC 4291): outside of it stand old ways to write an IPv4 address. */
const GLOBAL_IPV6 = ipaddr.parseCIDR('2000::/3');
/** Azure answers its machines there, with their certificates and settings among the rest. */
const AZURE_METADATA = '168.63.129.16';

/** Addresses that are no public ones, although no registry of special ones lists them. */
function isSpecial(address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  return address.kind() === 'ipv6' ? !address.match(GLOBAL_IPV6) : address.toString() === AZURE_METADATA;
}

/** Thrown before anything is sent. Its message is for the operator. */
export class UnreachableAddress extends Error {
  constructor(hostname: string, address: string) {
    const where = hostname === address ? address : `${hostname} resolves to ${address}, which`;
    super(`${where} is no public address, and is not among the backend's privateAddresses`);
    this.name = 'UnreachableAddress';
  }
}

/** A lookup for connections that gives up where any address of a name is out of reach: which one is taken must not matter. */
export function guardedLookup(declared: readonly AddressRange[], resolve: Resolve): LookupFunction {
  return (hostname, { all, family }, done) => {
    const only = typeof family === 'number' ? { family } : {};
    resolve(hostname, { all: true, ...only }, (error, addresses) => {
      const fail = (reason: NodeJS.ErrnoException): void => {
        done(reason, []);
      };
      if (error !== null) {
        fail(error);
        return;
      }
      const outside = addresses.find(({ address }) => !isReachable(address, declared));
      const [first] = addresses;
      if (outside !== undefined) fail(new UnreachableAddress(hostname, outside.address));
      else if (first === undefined) fail(Object.assign(new Error('no address'), { code: 'ENOTFOUND' }));
      else if (all === true) done(null, addresses);
      else done(null, first.address, first.family);
    });
  };
}
