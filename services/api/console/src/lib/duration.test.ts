import { expect, it } from 'vitest';
import { inWords, relative, short } from './duration';

it('writes lengths in two units at most', () => {
  const cases: [number, string][] = [
    [0, '0 ms'],
    [840, '840 ms'],
    [1000, '1 s'],
    [4210, '4.2 s'],
    [9960, '10 s'],
    [59_400, '59 s'],
    [59_600, '1 min'],
    [192_000, '3 min 12 s'],
    [3_599_600, '1 h'],
    [7_500_000, '2 h 5 min'],
    [86_399_000, '1 d'],
    [273_600_000, '3 d 4 h'],
    [-90_000, '−1 min 30 s'],
  ];
  for (const [ms, written] of cases) expect(short(ms)).toBe(written);
});

it('says lengths in words', () => {
  expect(inWords(61_000)).toBe('1 minute 1 second');
  expect(inWords(4_200)).toBe('4.2 seconds');
});

it('says how far off a moment is', () => {
  expect(relative(-240_000)).toBe('4 min ago');
  expect(relative(3 * 3_600_000)).toBe('in 3 h');
  expect(relative(-300)).toBe('now');
});
