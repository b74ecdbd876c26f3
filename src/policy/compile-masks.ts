// Reads a `mask:` list with the masks' own schema. Pure.
import type { DeclaredMask, MaskCompiler } from '../core/masking.ts';
import type { Report } from '../core/problem.ts';
import { parseReporting } from './schema-problems.ts';

/** The items that could be read; problems of the others are reported. */
export function readMasks(masks: MaskCompiler, list: unknown, report: Report): DeclaredMask<unknown>[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((item: unknown, index) => {
    const place = ['mask', index] as const;
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
        report: (key, message, { offset, hint } = {}) => {
          own.error({ path: [key], ...(offset === undefined ? {} : { offset }) }, message, hint);
        },
      } satisfies DeclaredMask<unknown>,
    ];
  });
}
