// Every detector there is, in the order they run: what a secret holds is not looked at again. Pure.
import type { Detector } from './detector.ts';
import { PERSONAL_DETECTORS } from './personal-detectors.ts';
import { SECRETS } from './secret-detector.ts';

export const DETECTORS: readonly Detector[] = [SECRETS, ...PERSONAL_DETECTORS];
