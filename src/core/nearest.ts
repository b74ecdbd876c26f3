// Guesses what somebody meant by a name that does not exist.
import { closestMatch } from 'leven';

/** `did you mean "sql"?`, or undefined where no known name is near. Case, `-` and `_` do not count as typos. */
export function didYouMean(name: string, known: Iterable<string>): string | undefined {
  const candidates = [...known];
  const plain = (text: string): string => text.toLowerCase().replaceAll(/[-_]/g, '');
  const nearest =
    candidates.find((candidate) => plain(candidate) === plain(name)) ??
    closestMatch(name, candidates, {
      maxDistance: name.length < 3 ? 0 : name.length < 4 ? 1 : name.length < 9 ? 2 : 3,
    });
  return nearest === undefined ? undefined : `did you mean "${nearest}"?`;
}
