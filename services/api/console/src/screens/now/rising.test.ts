import { expect, it } from 'vitest';
import type { BriefRun } from '../../lib/types';
import { Rising, waitingAt } from './rising';

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

const at = (minute: number): string => new Date(minute * MINUTE).toISOString();
const run = (requested: number, started: number | null, finished: number | null = null): BriefRun =>
  ({
    queue: 'q',
    requestedAt: at(requested),
    readyAt: null,
    startedAt: started === null ? null : at(started),
    finishedAt: finished === null ? null : at(finished),
  }) as BriefRun;

it('the runs of the last hour tell how many waited before the page was opened', () => {
  expect(waitingAt([run(1, null), run(2, 9), run(3, 4), run(1, null, 3), run(6, null)], 5 * MINUTE).get('q')).toBe(2);

  const opened = new Rising();
  expect(opened.seen(queue(12), 20 * MINUTE).size).toBe(0);
  opened.told(Array.from({ length: 12 }, () => run(18, null)));
  expect(opened.seen(queue(12), 20 * MINUTE).get('q')).toEqual({ more: 12, ago: 5 * MINUTE });
  expect(opened.seen(queue(12), 22 * MINUTE).get('q')).toEqual({ more: 12, ago: 5 * MINUTE });
  expect(opened.seen(queue(12), 23 * MINUTE).size).toBe(0); // it stands since
});

it('what waits since before the first run that is known waited five minutes ago, too', () => {
  const opened = new Rising();
  opened.seen(queue(40), 20 * MINUTE);
  opened.told([run(19, null)]);
  expect(opened.seen(queue(40), 20 * MINUTE).size).toBe(0);
});
