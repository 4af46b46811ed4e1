import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { JobRow } from '../../lib/jobs';
import { heldBack, lineAt, linesOf, offsetsOf, windowOf } from './layout';
import type { Line, Sort } from './layout';
import { NOW, ago, row } from './rows.test-support';
import { standingOf } from './standing';

const lines = (rows: readonly JobRow[], sort: Sort = 'trouble', folded: readonly string[] = []): Line[] =>
  linesOf(rows, new Map(rows.map((one) => [one.id, standingOf(one, NOW, false)])), {
    sort,
    isFolded: (group) => folded.includes(group),
  });
const keys = (some: readonly Line[]): string[] => some.map((line) => line.key);

const a1 = row({ id: 'a1', group: 'a', streak: -1 });
const a2 = row({ id: 'a2', group: 'a', nextFireAt: ago(-1000), updatedAt: ago(9000) });
const b1 = row({ id: 'b1', group: 'b', streak: -3, nextFireAt: null, updatedAt: ago(8000) });
const b2 = row({ id: 'b2', group: 'b', updatedAt: ago(7000) });

it('what needs a look stands above the groups, and only there', () => {
  expect(keys(lines([a1, a2, b1, b2]))).toEqual(['!', 'b1', 'a1', '/a', 'a2', '/b', 'b2']);
  expect(keys(lines([a2, b2]))).toEqual(['/a', 'a2', '/b', 'b2']);
});

it('a folded group is one line, and knows all its jobs', () => {
  const some = lines([a1, a2, b2], 'name', ['a']);
  expect(keys(some)).toEqual(['/a', '/b', 'b2']);
  expect(some[0]).toMatchObject({ folded: true, jobs: [a1, a2] });
});

it('by next fire and by change there are no groups; what never fires comes last', () => {
  expect(keys(lines([a1, a2, b1, b2], 'next'))).toEqual(['a2', 'a1', 'b2', 'b1']);
  expect(keys(lines([a2, b1, b2], 'changed'))).toEqual(['b2', 'b1', 'a2']);
});

it('what is held back stays where it is, with what is known now', () => {
  const before = lines([a1, a2, b1, b2]);
  const well = { ...b1, streak: 1 };
  const now = lines([a1, a2, well, b2]);
  const { lines: held, moved } = heldBack(before, now);
  expect(keys(held)).toEqual(keys(before));
  expect(held[1]).toMatchObject({ kind: 'job', row: well });
  expect(moved).toBe(1);
  expect(heldBack(now, now).moved).toBe(0);
});

it('what is gone leaves what is held back, what has come is counted', () => {
  const { lines: held, moved } = heldBack(lines([a1, a2, b2]), lines([a1, b1, b2]));
  expect(keys(held)).toEqual(['!', 'a1', '/a', '/b', 'b2']);
  expect(moved).toBe(1);
});

it('the window covers what is seen, and little more', () => {
  const heights = fc.array(fc.integer({ min: 20, max: 90 }), { minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(heights, fc.nat(20_000), fc.integer({ min: 1, max: 1200 }), (given, top, height) => {
      const offsets = offsetsOf(given);
      const { first, last } = windowOf(offsets, top, top + height, 3);
      expect(last - first).toBeLessThanOrEqual(height / 20 + 8);
      expect(last).toBeLessThanOrEqual(given.length);
      for (let n = 0; n < given.length; n += 1) {
        const seen = (offsets[n] ?? 0) < top + height && (offsets[n + 1] ?? 0) > top;
        if (seen) expect(n >= first && n < last).toBe(true);
      }
    }),
  );
});

it('the window has as many lines as are wanted, as long as there are', () => {
  const offsets = offsetsOf(Array.from({ length: 20 }, () => 40));
  expect(windowOf(offsets, 200, 300, 1, 8)).toEqual({ first: 4, last: 12 });
  expect(windowOf(offsets, 700, 800, 1, 8)).toEqual({ first: 12, last: 20 });
  expect(windowOf(offsets, 0, 40, 1, 40)).toEqual({ first: 0, last: 20 });
});

it('the line at a height is the last that begins at it or above', () => {
  const offsets = offsetsOf([10, 20, 30]);
  expect([0, 9, 10, 29, 30, 59, 99].map((y) => lineAt(offsets, y))).toEqual([0, 0, 1, 1, 2, 2, 2]);
  expect(lineAt(offsetsOf([]), 5)).toBe(0);
  expect(windowOf(offsetsOf([]), 0, 100)).toEqual({ first: 0, last: 0 });
});
