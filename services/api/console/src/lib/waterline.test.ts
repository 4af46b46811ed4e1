import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Pulse } from './types';
import { lagOf, levelOf, lookOf, MARKS } from './waterline';

const NOW = Date.parse('2026-11-30T12:00:00Z');
const calm: Pulse = {
  at: '2026-11-30T12:00:00.000Z',
  decidedThrough: '2026-11-30T12:00:00.000Z',
  lagMs: 0,
  oldestPending: null,
  led: true,
  queues: [],
  workers: { live: 1, silent: 0, lost: 0 },
  memory: null,
  jobs: [],
  runs: [],
  many: false,
  ended: {},
  projectionLagMs: 0,
};
const due = (seconds: number): Pulse => ({ ...calm, oldestPending: new Date(NOW - seconds * 1000).toISOString() });

describe('the lag', () => {
  it('grows between two messages while something is undecided', () => {
    expect(lagOf({ ...due(3), lagMs: 3000 }, NOW)).toBe(3000);
    expect(lagOf({ ...due(3), lagMs: 3000 }, NOW + 5000)).toBe(8000);
    expect(lagOf(calm, NOW + 5000)).toBe(0);
  });
  it('is not known before a scheduler has told', () => {
    expect(lagOf(null, NOW)).toBeNull();
    expect(lagOf({ ...calm, lagMs: null }, NOW)).toBeNull();
  });
});

describe('the look', () => {
  it.each([
    [calm, 'live', 'calm'],
    [due(4.9), 'live', 'calm'],
    [due(5), 'live', 'rising'],
    [due(30), 'live', 'high'],
    [{ ...calm, led: false }, 'live', 'stands'],
    [{ ...calm, led: false }, 'lost', 'lost'],
    [due(500), 'lost', 'lost'],
    [null, 'connecting', 'unknown'],
    [{ ...calm, lagMs: null }, 'live', 'unknown'],
    [calm, 'paused', 'calm'],
  ] as const)('of %j, %s is %s', (pulse, live, look) => expect(lookOf(pulse, live, NOW)).toBe(look));
});

describe('the level', () => {
  it('rises with the lag, and stays in the vessel', () => {
    fc.assert(
      fc.property(fc.nat(1e9), fc.nat(1e9), (one, other) => {
        const [less, more] = [Math.min(one, other), Math.max(one, other)];
        expect(levelOf(less)).toBeLessThanOrEqual(levelOf(more));
        expect(levelOf(more)).toBeLessThanOrEqual(0.88);
        expect(levelOf(less)).toBeGreaterThanOrEqual(0.12);
      }),
    );
  });
  it('is as low at two seconds as at none, and tells the marks apart', () => {
    expect(levelOf(2000)).toBe(levelOf(0));
    const levels = MARKS.map(levelOf);
    levels.slice(1).forEach((level, n) => expect(level - (levels[n] ?? 1)).toBeGreaterThan(0.1));
  });
});
