import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Line } from './layout';
import { row } from './rows.test-support';
import { inOrder, seated } from './seats';
import type { Seat } from './seats';

const job = (key: string, told = false): Line => ({ kind: 'job', key, row: row({ id: key }), alone: false, told });
const group = (key: string): Line => ({ kind: 'group', key, group: key, jobs: [], folded: false, above: 0 });
const shown = (seats: readonly Seat[]): string[] => seats.map(({ n, at, line }) => `${n}:${at}:${line.key}`);

const TEN = Array.from({ length: 10 }, (_, n) => job(`j${n}`));

it('a line that leaves gives its row to one that comes, and the others keep theirs', () => {
  const before = seated([], TEN, { first: 0, last: 4 });
  expect(shown(before)).toEqual(['0:0:j0', '1:1:j1', '2:2:j2', '3:3:j3']);
  const after = seated(before, TEN, { first: 2, last: 6 });
  expect(shown(after)).toEqual(['0:4:j4', '1:5:j5', '2:2:j2', '3:3:j3']);
  expect(after.slice(2)).toEqual(before.slice(2));
  expect(after[2]).toBe(before[2]);
  expect(shown(inOrder(after))).toEqual(['2:2:j2', '3:3:j3', '0:4:j4', '1:5:j5']);
  expect(inOrder(before)).toBe(before);
});

it('a row takes lines of its own shape alone, and leaves where there is none', () => {
  const lines = [group('/a'), job('a'), job('b', true), group('/b'), job('c'), job('d')];
  const before = seated([], lines, { first: 0, last: 3 });
  const after = seated(before, lines, { first: 3, last: 6 });
  expect(shown(after)).toEqual(['0:3:/b', '1:4:c', '3:5:d']);
});

it('a line that is another by now, or stands elsewhere, keeps its row', () => {
  const before = seated([], TEN, { first: 0, last: 3 });
  const now = [job('new'), ...TEN.slice(0, 2).map((line) => ({ ...line }) as Line)];
  const after = seated(before, now, { first: 0, last: 3 });
  expect(shown(after)).toEqual(['0:1:j0', '1:2:j1', '2:0:new']);
  expect(after[0]?.line).toBe(now[1]);
});

it('whatever is scrolled, each line of the window has one row, and no two the same', () => {
  const kinds = fc.array(fc.constantFrom('job', 'told', 'group'), { minLength: 1, maxLength: 60 });
  const looks = fc.array(fc.tuple(fc.nat(60), fc.nat(20)), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(kinds, looks, (given, windows) => {
      const lines = given.map((kind, n) => (kind === 'group' ? group(`/${n}`) : job(`${n}`, kind === 'told')));
      let seats: readonly Seat[] = [];
      for (const [first, length] of windows) {
        const last = first + length;
        seats = seated(seats, lines, { first, last });
        expect(inOrder(seats).map(({ line }) => line)).toEqual(lines.slice(first, last));
        expect(seats.every(({ at, line }) => lines[at] === line)).toBe(true);
        expect(new Set(seats.map(({ n }) => n)).size).toBe(seats.length);
      }
    }),
  );
});
