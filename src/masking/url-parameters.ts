// Query and fragment parameters of a URL, seen as named values. Pure.

const PARAMETER = /([?&#])([^=&#?]*)=([^&#]*)/g;
/** No white space, and a parameter after `?` or `#`. Relative references count. */
const HAS_PARAMETERS = /^[^\s?#]*[?#][^\s=]*=\S*$/;

/** Whether a text could be a URL with parameters. Cheap enough to ask of every string. */
export function mayHaveParameters(text: string): boolean {
  return (text.includes('?') || text.includes('#')) && HAS_PARAMETERS.test(text);
}

/**
 * The text with each parameter's value replaced by what `change` gives for its decoded name and value; undefined leaves
 * a parameter out. A value given back unchanged stays as it was written.
 */
export function changeParameters(text: string, change: (name: string, value: string) => string | undefined): string {
  return text.replace(PARAMETER, (written, separator: string, name: string, value: string) => {
    const decoded = decode(value);
    const changed = change(decode(name), decoded);
    if (changed === undefined) return separator;
    return changed === decoded ? written : `${separator}${name}=${encodeURIComponent(changed)}`;
  });
}

function decode(text: string): string {
  const spaced = text.replaceAll('+', ' ');
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
}
