// Reads a `mask:` list with the masks' own schema. Pure.
import type { DeclaredMask, MaskCompiler } from '../core/masking.ts';
import { WithheldError } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';
import type { Report } from '../core/problem.ts';
import type { TokenIssuer } from '../core/token-vault.ts';
import { parseReporting } from './schema-problems.ts';

/** The items under `key` that could be read; problems of the others are reported. */
export function readMasks(masks: MaskCompiler, list: unknown, report: Report, key = 'mask'): DeclaredMask<unknown>[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((item: unknown, index) => {
    const place = [key, index] as const;
    const own: Report = {
      error: (at, message, hint) => {
        report.error({ ...at, path: [...place, ...at.path] }, message, hint);
      },
      warning: (at, message, hint) => {
        report.warning({ ...at, path: [...place, ...at.path] }, message, hint);
      },
    };
    const { value, failed } = parseReporting(masks.declaration, item, own);
    if (failed.length > 0) return [];
    return [
      {
        declaration: value,
        report: (part, message, { offset, hint } = {}) => {
          own.error({ path: [part], ...(offset === undefined ? {} : { offset }) }, message, hint);
        },
      } satisfies DeclaredMask<unknown>,
    ];
  });
}

/** What people see in the place of arguments that cannot be masked. */
const HIDDEN: JsonObject = { hidden: 'These arguments could not be masked, so none is shown.' };

/** Arguments as they may be shown; the same ones where no masks are declared. Never throws. */
export function argumentMask(
  masks: MaskCompiler,
  declared: readonly DeclaredMask<unknown>[],
): (args: JsonObject) => JsonObject {
  if (declared.length === 0) return (args) => args;
  for (const one of declared) {
    if ((one.declaration as { with?: unknown }).with !== 'tokenize') continue;
    one.report('with', 'arguments are shown to people, who have no use for tokens', { hint: 'use `hash` or `redact`' });
  }
  const mask = masks.compile(declared);
  return (args) => {
    try {
      return mask.apply({ structured: args }, NO_TOKENS).structured ?? HIDDEN;
    } catch {
      return HIDDEN;
    }
  };
}

const NO_TOKENS: TokenIssuer = {
  tokenFor: () => {
    throw new WithheldError('there are no tokens for arguments');
  },
};
