// The waterline: how old the oldest instant is that is due and not decided, as a look, a level and words.

import type { Live } from './pulse';
import type { Pulse } from './types';

/** `unknown`: nobody has told yet; `lost`: nobody tells any more. */
export type Look = 'calm' | 'rising' | 'high' | 'stands' | 'unknown' | 'lost';

const RISING = 5000;
const HIGH = 30_000;
/** Two seconds and less cannot be told apart: a scheduler says once a second how far it is. */
const FINEST = 2000;

/** In ms at `now`, by the server's clock; null if it is not known. Between two messages time goes on for what is undecided. */
export function lagOf(pulse: Pulse | null, now: number): number | null {
  if (pulse === null) return null;
  if (pulse.oldestPending === null) return pulse.lagMs;
  return Math.max(pulse.lagMs ?? 0, now - Date.parse(pulse.oldestPending));
}

export function lookOf(pulse: Pulse | null, live: Live['state'], now: number): Look {
  if (live === 'lost') return 'lost';
  if (pulse?.led === false) return 'stands';
  const lag = lagOf(pulse, now);
  if (lag === null) return 'unknown';
  if (lag < RISING) return 'calm';
  return lag < HIGH ? 'rising' : 'high';
}

/** What the gauge is marked with, in ms. */
export const MARKS = [10_000, 60_000, 600_000, 3_600_000] as const;

/** How high the water stands, from 0 to 1: low and still at rest, by powers of ten up to an hour. */
export function levelOf(lag: number | null): number {
  if (lag === null) return 0.12;
  const share = Math.log10(1 + Math.max(0, lag - FINEST) / 1000) / Math.log10(1 + 3600);
  return 0.12 + 0.76 * Math.min(1, share);
}

export const isFinest = (lag: number): boolean => lag <= FINEST;
