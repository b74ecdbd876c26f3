// A detector: a form of text that must not leave wherever it stands. Pure.

import type { Shape } from './text-shape.ts';

export const DETECTOR_NAMES = ['secrets', 'email', 'iban', 'card', 'national-number', 'phone', 'ip'] as const;
export type DetectorName = (typeof DETECTOR_NAMES)[number];

export interface Detector {
  readonly name: DetectorName;
  /** What stands in for what is found: `[email]`. */
  readonly label: string;
  /** False only for texts in which `pattern` matches nothing that is taken. Cheap: it is asked of every string. */
  readonly mayHold: (shape: Shape, text: string) => boolean;
  /** Candidates. Global. */
  readonly pattern: RegExp;
  /** How many characters of a candidate are the real thing, from its start; 0 where it is none. */
  readonly take?: (candidate: string) => number;
}

/** The text with everything found replaced by the label, and how much that was. */
export function replaceDetected(text: string, detector: Detector): { readonly text: string; readonly found: number } {
  let found = 0;
  const replaced = text.replace(detector.pattern, (candidate: string) => {
    const taken = detector.take === undefined ? candidate.length : detector.take(candidate);
    if (taken === 0) return candidate;
    found++;
    return detector.label + candidate.slice(taken);
  });
  return { text: replaced, found };
}
