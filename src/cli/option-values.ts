// What arguments and options of several commands are written as. Pure but for the time of day.
import { InvalidArgumentError } from 'commander';

export function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('Expected a whole number above 0.');
  return Number(text);
}

/** A point in time as entries write it. */
export function moment(text: string): string {
  const ago = /^(\d{1,6})([smhd])$/.exec(text);
  const units = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  const ms = ago
    ? Date.now() - Number(ago[1]) * units[ago[2] as keyof typeof units]
    : /^\d{4}-\d\d-\d\d/.test(text)
      ? Date.parse(text)
      : NaN;
  if (Number.isNaN(ms)) {
    throw new InvalidArgumentError('Expected a date, a time such as 2026-11-23T21:00Z, or how long ago, such as 15m.');
  }
  return new Date(ms).toISOString();
}
