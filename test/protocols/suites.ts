import type { Suite } from './suite.ts';
import { curl } from './suites/curl.ts';

/** In the order in which they run. */
export const SUITES: readonly Suite[] = [curl];
