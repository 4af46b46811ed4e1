import fc from 'fast-check';
import { expect, it } from 'vitest';
import { dotsOf, quantile, scaleOf } from './scatter';
import type { BriefRun } from '../../lib/types';

it('a scale holds all, with a few marks', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1e10 }), (most) => {
      const { end, marks } = scaleOf(most);
      expect(end).toBeGreaterThanOrEqual(most);
      expect(marks.length).toBeLessThanOrEqual(4);
      for (const mark of marks) expect(mark).toBeLessThanOrEqual(end);
    }),
  );
  expect(scaleOf(95_000).marks).toEqual([30_000, 60_000, 90_000]);
});

it('quantiles lie between', () => {
  expect(quantile([], 0.5)).toBeNull();
  expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5);
  expect(quantile([7], 0.95)).toBe(7);
});

it('only ended runs have a dot', () => {
  const run = (id: string, nominalAt: string, durationMs: number | null) =>
    ({ id, nominalAt, durationMs, startedAt: nominalAt, finishedAt: nominalAt, status: 'failed' }) as unknown as BriefRun;
  const dots = dotsOf([run('b', '2026-11-30T02:00:00Z', 5), run('a', '2026-11-30T01:00:00Z', 9), run('c', '2026-11-30T03:00:00Z', null)]);
  expect(dots.map((dot) => dot.id)).toEqual(['a', 'b']);
});
