// Colours for people at a terminal, and for nobody else: not for a pipe, and not for a CI runner that would take them.
import pc from 'picocolors';

export type Colours = ReturnType<typeof pc.createColors>;

/** Those of one stream. NO_COLOR and FORCE_COLOR (https://no-color.org, https://force-color.org) have the last word. */
export function coloursOf(stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv = process.env): Colours {
  const { NO_COLOR = '', FORCE_COLOR = '', TERM } = env;
  if (NO_COLOR !== '') return pc.createColors(false);
  return pc.createColors(FORCE_COLOR === '' ? stream.isTTY === true && TERM !== 'dumb' : FORCE_COLOR !== '0');
}

/** For what is written to stdout. */
export const colours = coloursOf(process.stdout);

/** For what is written to stderr. */
export const errorColours = coloursOf(process.stderr);
