// Whether a rule's `principals` fit somebody. Pure.
import { isJsonObject, type Json } from '../core/json.ts';
import type { PrincipalFacts } from '../core/principal.ts';
import type { PrincipalsDeclaration } from './file-schema.ts';

export type MatchesPrincipal = (principal: PrincipalFacts) => boolean;

/** An issuer of the configuration: rules may call it by its name. */
export interface NamedIssuer {
  readonly name?: string | undefined;
  readonly issuer: string;
}

/** Every declared key must match; a key matches where one of its entries does. Nothing declared matches everybody. */
export function principalMatcher(
  declared: PrincipalsDeclaration | undefined,
  issuers: readonly NamedIssuer[],
): MatchesPrincipal {
  const { issuers: named, subjects, agents, groups, scopes, claims } = declared ?? {};
  const tests: MatchesPrincipal[] = [];
  const oneOf = (
    allowed: readonly string[] | undefined,
    of: (principal: PrincipalFacts) => readonly string[],
  ): void => {
    if (allowed === undefined) return;
    const set = new Set(allowed);
    tests.push((principal) => of(principal).some((value) => set.has(value)));
  };
  const addresses = named?.map((name) => issuers.find((issuer) => issuer.name === name)?.issuer ?? name);
  oneOf(addresses, ({ issuer }) => [issuer]);
  oneOf(subjects, ({ subject }) => [subject]);
  oneOf(agents, ({ actor }) => [actor]);
  oneOf(groups, (principal) => principal.groups);
  oneOf(scopes, (principal) => principal.scopes);
  for (const [name, values] of Object.entries(claims ?? {}))
    tests.push((principal) => hasClaim(principal, name, values));
  return (principal) => tests.every((test) => test(principal));
}

function hasClaim({ claims }: PrincipalFacts, name: string, values: readonly Json[]): boolean {
  const claim: Json | undefined = Object.hasOwn(claims, name) ? claims[name] : undefined;
  if (claim === undefined || isJsonObject(claim)) return false;
  return [claim].flat().some((one) => values.includes(one));
}

/** Whether everybody who fits `inner` fits `outer` too, as far as the declarations tell. */
export function covers(outer: PrincipalsDeclaration | undefined, inner: PrincipalsDeclaration | undefined): boolean {
  const { claims, ...lists } = outer ?? {};
  return (
    Object.entries(lists).every(([key, allowed]) => isSubset(inner?.[key as keyof typeof lists], allowed)) &&
    Object.entries(claims ?? {}).every(([name, allowed]) => isSubset(inner?.claims?.[name], allowed))
  );
}

function isSubset(small: readonly Json[] | undefined, large: readonly Json[] | undefined): boolean {
  return large === undefined || small?.every((entry) => large.includes(entry)) === true;
}
