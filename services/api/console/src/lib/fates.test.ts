import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FATES, LOOK, WORDS, brokenIn, sentence, summed, tallied, totalOf, unrolled, worstOf } from './fates';
import type { Cells } from './types';

const bins = fc.option(fc.dictionary(fc.constantFrom(...FATES), fc.integer({ min: 1, max: 9 }), { minKeys: 1 }));
const cells: fc.Arbitrary<Cells> = fc.array(fc.tuple(fc.integer({ min: 1, max: 5 }), bins));

it('bins are as many as the runs of the list are long, and nothing is lost', () => {
  fc.assert(
    fc.property(cells, (list) => {
      const all = unrolled(list);
      expect(all).toHaveLength(list.reduce((sum, [times]) => sum + times, 0));
      const expected = list.reduce((sum, [times, counts]) => sum + times * totalOf(counts), 0);
      expect(totalOf(summed(all))).toBe(expected);
    }),
  );
});

it('a bin is drawn as the worst that it holds', () => {
  expect(worstOf({ succeeded: 700, failed: 1 })).toBe('failed');
  expect(worstOf({ failed: 3, missing: 1 })).toBe('missing');
  expect(worstOf({ succeeded: 1, future: 2 })).toBe('succeeded');
  expect(worstOf(null)).toBeNull();
  expect(worstOf({})).toBeNull();
  expect(worstOf({ heldBack: 1 })).toBe('skipped');
});

it('each fate has a look and words', () => {
  for (const fate of FATES) {
    expect(LOOK[fate].shape).toBeTruthy();
    expect(WORDS[fate].means).toBeTruthy();
  }
  expect(LOOK.failed).not.toEqual(LOOK.missing);
});

it('counts are said in a sentence', () => {
  expect(sentence({ succeeded: 715, failed: 1, skipped: 3, coalesced: 1 })).toBe(
    '720 scheduled times: 716 fired (1 failed), 3 skipped, 1 merged, none missing',
  );
  expect(sentence({ succeeded: 1, double: 1 })).toBe('1 scheduled time: 1 fired, none missing, 1 decided twice');
  expect(sentence({ future: 4, disabled: 2 })).toBe('4 to come, 2 while disabled');
  expect(sentence({})).toBe('No scheduled times');
});

it('what is to come is not due', () => {
  expect(tallied({ succeeded: 2, running: 1, missing: 1, future: 9, stray: 1 })).toMatchObject({ due: 4, fired: 3 });
});

it('broken promises are counted beside what became of the times', () => {
  const counts = { succeeded: 2, broken: 1 };
  expect(totalOf(counts)).toBe(2);
  expect(worstOf(counts)).toBe('succeeded');
  expect(worstOf({ broken: 1 })).toBeNull();
  expect(brokenIn(counts)).toBe(1);
  expect(tallied(counts).due).toBe(2);
  expect(sentence(counts)).toBe('2 scheduled times: 2 fired, none missing, promise broken 1×');
  expect(sentence({ broken: 2 })).toBe('promise broken 2×');
});
