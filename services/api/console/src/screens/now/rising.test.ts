import { expect, it } from 'vitest';
import { Rising } from './rising';

const queue = (waiting: number | null) => [{ name: 'q', paused: false, waiting, delayed: 0, blocked: 0, running: 0 }];
const MINUTE = 60_000;

function seen(counts: readonly (number | null)[]): boolean {
  const rising = new Rising();
  let last = false;
  counts.forEach((count, n) => {
    last = rising.seen(queue(count), n * MINUTE).has('q');
  });
  return last;
}

it('a queue rises when more wait than five minutes ago, by ten and by half', () => {
  expect(seen([0, 2, 4, 6, 8, 10])).toBe(true);
  expect(seen([0, 20, 20, 20, 20])).toBe(false); // not seen for five minutes yet
  expect(seen([100, 100, 100, 100, 100, 112])).toBe(false);
  expect(seen([100, 100, 100, 100, 100, 160])).toBe(true);
  expect(seen([0, 30, 30, 30, 30, 30, 30, 30])).toBe(false); // it has risen, and stands
  expect(seen([0, 0, 0, 0, 0, null])).toBe(false);
});
