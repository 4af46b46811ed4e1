import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { changes, diffOf, folded } from './diff';
import { masked } from './mask';

describe('masked lines', () => {
  it('say the same where times, ids and numbers differ', () => {
    const pairs = [
      ['read 912 rows in 4.2 s', 'read 87 rows in 11 s'],
      ['at 2026-11-30T02:00:00.123Z done', 'at 2026-11-29 02:00:01 done'],
      ['run cu3jnptgs2nn8old-xd1k4k9874qga began', 'run 40l6ped1f8urkguf-xo5vud1pmf1me began'],
      ['id 6b1f0a52-9c8e-4b7d-8f59-1f2a3b4c5d6e', 'id 00000000-0000-4000-8000-000000000000'],
      ['page12 of 0xdeadbeef', 'page7 of 0x0'],
    ];
    for (const [one = '', other = ''] of pairs) expect(masked(one)).toBe(masked(other));
    expect(masked('disk full')).not.toBe(masked('disk empty'));
  });

  it('are masked once', () => {
    fc.assert(fc.property(fc.string(), (line) => masked(masked(line)) === masked(line)));
  });
});

describe('the difference of two logs', () => {
  const lines = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 30 });

  it('has every line of both, once and in order', () => {
    fc.assert(
      fc.property(lines, lines, (here, there) => {
        const { before, rows } = diffOf(here, there);
        const of = (side: 'here' | 'there'): number[] => rows.map((row) => row[side]).filter((n) => n !== null);
        const rest = (length: number): number[] => Array.from({ length: length - before }, (_, n) => n + before);
        expect(of('here')).toEqual(rest(here.length));
        expect(of('there')).toEqual(rest(there.length));
        for (const row of rows) {
          if (row.kind === 'same') expect(here[row.here ?? -1]).toBe(there[row.there ?? -1]);
        }
      }),
    );
  });

  it('begins at the first difference, and is nothing for equals', () => {
    expect(diffOf(['a', 'x 1', 'b'], ['a', 'x 2', 'c'])).toMatchObject({
      before: 2,
      rows: [{ kind: 'there', there: 2 }, { kind: 'here', here: 2 }],
    });
    expect(diffOf(['a 1'], ['a 2'])).toMatchObject({ before: 1, rows: [] });
  });

  it('says how much it left', () => {
    expect(diffOf(['x', 'y', 'z'], ['q'], 2)).toMatchObject({ leftHere: 1, leftThere: 0 });
  });

  it('folds what is the same, and what one side repeats', () => {
    const here = ['x', 'a', 'b', 'c', 'd', 'e', 'page 1', 'page 2', 'page 3', 'page 4', 'z'];
    const there = ['y', 'a', 'b', 'c', 'd', 'e', 'z'];
    const { rows } = diffOf(here, there);
    const parts = folded(rows, (row) => masked(here[row.here ?? -1] ?? there[row.there ?? -1] ?? ''));
    expect(parts.map((part) => ('rows' in part ? part.rows.length : part))).toEqual([1, 1, 5, 1, { alike: 3, kind: 'here' }, 1]);
    expect(folded(diffOf(['x', ...'abcdefg'], ['y', ...'abcdefg']).rows, () => '').map((part) => ('rows' in part ? part.rows.length : part))).toEqual([
      1,
      1,
      2,
      { same: 5 },
    ]);
  });

  it('shows or counts each row once, however it folds', () => {
    fc.assert(
      fc.property(lines, lines, (here, there) => {
        const { rows } = diffOf(here, there);
        const parts = folded(rows, (row) => here[row.here ?? -1] ?? there[row.there ?? -1] ?? '');
        const counted = parts.map((part) => ('rows' in part ? part.rows.length : 'same' in part ? part.same : part.alike));
        expect(counted.reduce((sum, count) => sum + count, 0)).toBe(rows.length);
      }),
    );
  });
});

it('members that differ are named by their paths', () => {
  expect(changes({ a: 1, b: { c: [1], d: 2 } }, { b: { d: 2, c: [1, 2] }, a: 1, e: null })).toEqual([
    { path: 'b.c', here: '[1]', there: '[1,2]' },
    { path: 'e', here: null, there: 'null' },
  ]);
});
