// Durations (`5m`) and sizes (`256KiB`) as policy files write them. Pure.
import { z } from 'zod';

const MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const BYTES: Readonly<Record<string, number>> = { B: 1, KB: 1e3, MB: 1e6, KiB: 1_024, MiB: 1_048_576 };

/** Text such as `5m`, parsed to milliseconds. Bounds are written the same way, and are inclusive. */
export function duration(atLeast: string, atMost: string): z.ZodType<number, string> {
  return quantity(MS, atLeast, atMost, 'a duration such as 500ms, 30s, 5m or 1h');
}

/** Text such as `256KiB`, parsed to bytes. */
export function size(atLeast: string, atMost: string): z.ZodType<number, string> {
  return quantity(BYTES, atLeast, atMost, 'a size such as 64KiB or 1MiB');
}

function quantity(
  units: Readonly<Record<string, number>>,
  atLeast: string,
  atMost: string,
  what: string,
): z.ZodType<number, string> {
  const form = new RegExp(`^(\\d{1,9}(?:\\.\\d{1,3})?)\\s?(${Object.keys(units).join('|')})$`);
  const parse = (text: string): number => {
    const [, count, unit] = form.exec(text) ?? [];
    return Number(count) * (units[unit ?? ''] ?? NaN);
  };
  return z
    .string({ error: `expected ${what}` })
    .regex(form, `expected ${what}`)
    .refine((text) => !form.test(text) || (parse(text) >= parse(atLeast) && parse(text) <= parse(atMost)), {
      error: `expected between ${atLeast} and ${atMost}`,
    })
    .transform(parse);
}
