// Leases, principals and backends in words, for a terminal. Pure; what is returned may be printed as it is.
import type { z } from 'zod';
import { callerOf } from '../core/principal.ts';
import { printable } from '../core/printable.ts';
import type { backendListSchema, leaseListSchema, principalListSchema, stoppedSchema } from '../http-api-switches.ts';
import { colours as pc } from './colours.ts';

type Principals = z.output<typeof principalListSchema>;

export function leaseLines({ leases }: z.output<typeof leaseListSchema>): string {
  const lines = leases.map(({ id, backend, reference, principal, expiresAt, revokedAt, strandedAt }) => {
    const running = revokedAt === undefined ? pc.dim(`until ${expiresAt}`) : pc.yellow('revoked, ending');
    const ends = strandedAt === undefined ? running : pc.red('cannot be ended: its backend is declared no more');
    return `${id}  ${printable(backend)}  ${printable(reference)}  ${printable(callerOf(principal))}  ${ends}\n`;
  });
  return lines.join('');
}

export function principalLines({ blocks, sessions }: Principals): string {
  const blocked = blocks.map((block) => {
    return `${pc.red('blocked')}  ${nameOf(block)}  ${pc.dim(becauseOf(block))}\n`;
  });
  const running = sessions.map(({ id, label, principal, lastSeenAt, blocked: block }) => {
    const state = block === undefined ? pc.green('running') : pc.red('blocked');
    const words = label === '' ? '' : `  ${printable(label)}`;
    return `${state}  session ${id}${words}  ${printable(callerOf(principal))}  ${pc.dim(`last call ${lastSeenAt}`)}\n`;
  });
  return [...blocked, ...running].join('');
}

export function backendLines({ backends }: z.output<typeof backendListSchema>): string {
  const lines = backends.map(({ name, kind = 'not declared', tools, leases, disabled }) => {
    const state = disabled === undefined ? pc.green('enabled ') : pc.red('disabled');
    const why = disabled === undefined ? '' : `  ${pc.dim(becauseOf(disabled))}`;
    const holds = `${count(tools.length, 'tool')}, ${count(leases, 'open lease')}`;
    return `${state}  ${printable(name)}  ${printable(kind)}  ${holds}${why}\n`;
  });
  return lines.join('');
}

/** What was stopped with it. */
export function stoppedLine(what: string, { leases, approvals, grants }: z.output<typeof stoppedSchema>): string {
  const ended = [count(leases, 'lease'), count(approvals, 'waiting approval'), count(grants, 'grant')].join(', ');
  return `${printable(what)}: ${ended} ended; its running calls are stopped\n`;
}

function nameOf({ kind, name, issuer }: Principals['blocks'][number]): string {
  return printable(`${kind} ${name}${issuer === undefined ? '' : ` of ${issuer}`}`);
}

function becauseOf({ reason, person, at }: Pick<Principals['blocks'][number], 'reason' | 'person' | 'at'>): string {
  return printable(`by ${person.name} ${at}: ${reason}`);
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
