import { expect, it } from 'vitest';
import { placeOf, rangeOf, SPANS } from './span';

const NOW = Date.parse('2026-11-30T09:12:34Z');

it('bins stay where they are until the next begins', () => {
  for (const span of SPANS) {
    const { from, to, bins } = rangeOf(span, NOW);
    const step = (to - from) / bins;
    expect(from % step).toBe(0);
    expect(rangeOf(span, NOW + 60_000).from).toBe(from);
    expect(rangeOf(span, NOW + step)).toEqual({ from: from + step, to: to + step, bins });
    expect(NOW >= from && NOW < to).toBe(true);
  }
});

it('a day has half hours, and now stands near its end', () => {
  const range = rangeOf('day', NOW);
  expect(new Date(range.from).toISOString()).toBe('2026-11-29T09:30:00.000Z');
  expect(new Date(range.to).toISOString()).toBe('2026-11-30T11:30:00.000Z');
  expect(placeOf(range, NOW)).toBeCloseTo(0.9119, 4);
  expect(placeOf(range, range.to + 5)).toBe(1);
});
