// A line on a terminal that says how far something has come. Nothing where nobody watches.

const WIDTH = 24;
const EVERY_MS = 100;

interface Terminal {
  readonly isTTY?: boolean | undefined;
  write(text: string): unknown;
}

export interface ProgressBar {
  /** `total` undefined where it cannot be told. */
  show(done: number, total: number | undefined): void;
  clear(): void;
}

/** @param now milliseconds from an arbitrary start */
export function progressBar(
  terminal: Terminal,
  noun: string,
  now: () => number = () => performance.now(),
): ProgressBar {
  if (terminal.isTTY !== true) return { show: () => undefined, clear: () => undefined };
  const started = now();
  let shown = -Infinity;
  return {
    show(done, total) {
      const time = now();
      if (time - shown < EVERY_MS) return;
      shown = time;
      terminal.write(`\r\u001b[K${progressLine(done, total, time - started, noun)}`);
    },
    clear: () => void terminal.write('\r\u001b[K'),
  };
}

/** `██████░░ 62 %  1,240,000 of 2,000,000 entries  180,000/s  4 s left` */
function progressLine(done: number, total: number | undefined, ms: number, noun: string): string {
  const perSecond = ms > 0 ? (done * 1_000) / ms : 0;
  const rate = `${number(perSecond)}/s`;
  if (total === undefined || total === 0) return `${number(done)} ${noun}  ${rate}`;
  const part = Math.min(1, done / total);
  const full = Math.round(part * WIDTH);
  const bar = '█'.repeat(full) + '░'.repeat(WIDTH - full);
  const left = perSecond > 0 ? `  ${number(Math.max(0, total - done) / perSecond)} s left` : '';
  return `${bar} ${Math.floor(part * 100)} %  ${number(done)} of ${number(total)} ${noun}  ${rate}${left}`;
}

function number(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
