// Reads the declared backends: references, keys of the kind, credential, masks. Touches files only through references.
import { createHash } from 'node:crypto';
import type { DeclaredBackend, ToolKind } from '../../tools/tool-kind.ts';
import { canonicalJson } from '../core/canonical-json.ts';
import type { CredentialProvider } from '../core/credential.ts';
import type { JsonObject } from '../core/json.ts';
import type { DeclaredMask, MaskCompiler } from '../core/masking.ts';
import { didYouMean } from '../core/nearest.ts';
import type { Report } from '../core/problem.ts';
import { Secret } from '../core/secret.ts';
import type { BackendRef, CredentialDeclaration } from '../core/tool.ts';
import { readMasks } from './compile-masks.ts';
import { type Declared, isRecord } from './declared-files.ts';
import { backendSchema, credentialSchema } from './file-schema.ts';
import { type FileState, readDocuments } from './documents.ts';
import { exampleAt, parseAnyway, splitKeys } from './own-keys.ts';
import { findReferences, type ReferenceSources, resolveReferences } from './references.ts';
import { parseReporting } from './schema-problems.ts';

/** What the parts of the program that know a technology bring along. */
export interface Implementations {
  readonly kinds: readonly ToolKind[];
  readonly providers: readonly CredentialProvider[];
  readonly masks: MaskCompiler;
}

export interface CompiledBackend {
  readonly declared: Declared;
  readonly ref: BackendRef;
  readonly kind: ToolKind;
  /** As its kind sees it; undefined where its options could not be read, examples stand in them where references are unset. */
  readonly known: DeclaredBackend<unknown> | undefined;
  /** Where its documents stand, and their state just before they were read. */
  readonly documents: ReadonlyMap<string, FileState>;
  /** What is declared is what there is: calls can be made. */
  readonly sound: boolean;
  readonly provider: CredentialProvider | undefined;
  readonly masks: readonly DeclaredMask<unknown>[];
  readonly report: Report;
}

/** Returns undefined for a backend of an unknown kind: of such a one nothing can be checked. */
export async function compileBackend(
  declared: Declared,
  { kinds, providers, masks }: Implementations,
  sources: ReferenceSources,
  unset: 'error' | 'warning',
): Promise<CompiledBackend | undefined> {
  const { file, path, name } = declared;
  const report = file.report(path);
  const { value, unresolved } = resolveReferences(declared.raw, sources, report, unset);
  const raw = value as Readonly<Record<string, unknown>>;
  const kind = kinds.find((known) => known.kind === raw['kind']);
  const keys = splitKeys(raw, backendSchema, kind?.backend, report);
  parseReporting(backendSchema, keys.common, report, unresolved);
  if (kind === undefined) {
    if (typeof raw['kind'] === 'string') reportUnknown('kind of backend', raw['kind'], kinds, report);
    return undefined;
  }
  const below = unresolved.filter(([key]) => key !== 'credential' && key !== 'mask');
  const options = parseAnyway(
    kind.backend,
    keys.own,
    report,
    (wrong) => ({ path: wrong, value: exampleAt(kind.backend, wrong) }),
    below,
  );
  const provider = providers.find((known) => isRecord(raw['credential']) && known.kind === raw['credential']['kind']);
  const credential = compileCredential(declared, raw, kind, provider, providers, unresolved);
  const named = options.value === undefined ? [] : (kind.documents?.(options.value) ?? []);
  const { documents, states } = await readDocuments(named, sources.directory, report);
  const known =
    options.value === undefined ? undefined : { name, options: options.value, directory: sources.directory, documents };
  if (known !== undefined && named.every(({ key, optional }) => optional === true || documents.has(key)))
    kind.checkBackend?.(known, report);
  const hash = definitionHash(declared.raw, ...[...documents].map(([key, { text }]) => ({ [key]: text })));
  return {
    declared,
    ref: {
      ...{ name, kind: kind.kind, definitionHash: hash, credential: credential.declaration },
      // With a reference that has no value, no call is made.
      resolvedHash: new Secret(unresolved.length > 0 ? '' : definitionHash(raw)),
    },
    kind,
    known,
    documents: states,
    sound: options.sound && credential.sound,
    provider,
    masks: readMasks(masks, raw['mask'], report),
    report,
  };
}

function compileCredential(
  declared: Declared,
  raw: Readonly<Record<string, unknown>>,
  kind: ToolKind,
  provider: CredentialProvider | undefined,
  providers: readonly CredentialProvider[],
  unresolved: readonly (readonly (string | number)[])[],
): { declaration: CredentialDeclaration | undefined; sound: boolean } {
  const { file, path, name } = declared;
  const written = raw['credential'];
  if (!isRecord(written)) {
    if (written === undefined && kind.credentials.length > 0) {
      const hint = `add \`credential: { kind: ${kind.credentials.join(' | ')}, … }\``;
      file
        .report(path)
        .error({ path: ['credential'] }, `missing \`credential\`: nothing says how calls sign in to "${name}"`, hint);
    }
    return { declaration: undefined, sound: kind.credentials.length === 0 };
  }
  const report = file.report([...path, 'credential']);
  const below = unresolved.flatMap(([key, ...rest]) => (key === 'credential' ? [rest] : []));
  const keys = splitKeys(written, credentialSchema, provider?.options, report);
  const common = parseReporting(credentialSchema, keys.common, report, below).value;
  if (provider === undefined) {
    if (typeof written['kind'] === 'string') reportUnknown('kind of credential', written['kind'], providers, report);
    return { declaration: undefined, sound: false };
  }
  if (!kind.credentials.includes(provider.kind)) {
    report.error(
      { path: ['kind'] },
      `a ${kind.kind} backend takes no credential of kind "${provider.kind}"`,
      `it takes ${kind.credentials.join(', ')}`,
    );
  }
  reportSecrets(declared.raw['credential'], provider, report);
  const { options: schema } = provider;
  const own = parseAnyway(
    schema,
    keys.own,
    report,
    (wrong) => ({ path: wrong, value: exampleAt(schema, wrong) }),
    below,
  );
  if (own.value !== undefined) provider.inspect?.(own.value, report);
  if (common === undefined) return { declaration: undefined, sound: false };
  const declaration = { kind: provider.kind, scope: common.scope, ttlMs: common.ttl, options: own.value };
  return { declaration, sound: own.sound };
}

/** A policy file is read by many, and kept for ever. */
function reportSecrets(written: unknown, { secrets = [] }: CredentialProvider, report: Report): void {
  for (const key of secrets) {
    const value = isRecord(written) ? written[key] : undefined;
    if (typeof value !== 'string' || findReferences(value).length > 0) continue;
    report.error({ path: [key] }, 'a secret stands here in plain text', 'write ${env:NAME} or ${file:PATH}');
  }
}

function reportUnknown(what: string, name: string, known: readonly { readonly kind: string }[], report: Report): void {
  const names = known.map(({ kind }) => kind);
  report.error(
    { path: ['kind'] },
    `unknown ${what} "${name}"`,
    didYouMean(name, names) ?? `known: ${names.join(', ')}`,
  );
}

/** SHA-256 (hex) over declarations as they are written, references unresolved. */
export function definitionHash(...declarations: readonly Readonly<Record<string, unknown>>[]): string {
  return createHash('sha256')
    .update(canonicalJson(declarations as readonly JsonObject[]))
    .digest('hex');
}
