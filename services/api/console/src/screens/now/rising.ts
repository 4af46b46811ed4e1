// Whether a queue fills: how many wait now against a few minutes ago. What the page has not seen itself, the runs of the
// last hour tell: when each was ready, and when it started.

import type { BriefRun, QueuePulse } from '../../lib/types';
import type { Rise } from './attention';

const MINUTE = 60_000;
const SPAN = 5 * MINUTE;
const EVERY = 15_000; // between two samples
const LEAST = 10; // more runs than before
const SHARE = 1.5;

interface Sample {
  readonly at: number;
  readonly waiting: ReadonlyMap<string, number>;
}

/** How many could start at `at` and had not yet, by queue. Those that wait since before the first of `runs` are not among them. */
export function waitingAt(runs: readonly BriefRun[], at: number): ReadonlyMap<string, number> {
  const waiting = new Map<string, number>();
  for (const { queue, readyAt, requestedAt, startedAt, finishedAt } of runs) {
    const left = startedAt ?? finishedAt; // one that was cancelled never started
    if (Date.parse(readyAt ?? requestedAt) > at || (left !== null && Date.parse(left) <= at)) continue;
    waiting.set(queue, (waiting.get(queue) ?? 0) + 1);
  }
  return waiting;
}

export class Rising {
  #samples: Sample[] = [];

  /** Take in the runs that are known, all of the last hour, so that a page that was opened just now knows what rises. */
  told(runs: readonly BriefRun[]): void {
    const first = this.#samples[0];
    if (first === undefined) return;
    const now = waitingAt(runs, first.at);
    const before = Array.from({ length: SPAN / MINUTE }, (_, n): Sample => {
      const at = first.at - SPAN + n * MINUTE;
      const then = waitingAt(runs, at);
      // What waits since longer than the runs go back waited then, too.
      const older = (queue: string, count: number): number => Math.max(0, count - (now.get(queue) ?? 0));
      return { at, waiting: new Map([...first.waiting].map(([queue, count]) => [queue, (then.get(queue) ?? 0) + older(queue, count)])) };
    });
    this.#samples.unshift(...before);
  }

  /** Take in how many wait at `at`, and say which queues rise. */
  seen(queues: readonly QueuePulse[], at: number): ReadonlyMap<string, Rise> {
    const waiting = new Map(queues.flatMap(({ name, waiting: count }) => (count === null ? [] : [[name, count] as const])));
    const last = this.#samples.at(-1);
    if (last === undefined || at - last.at >= EVERY) this.#samples.push({ at, waiting });
    // One sample older than the span stays: the comparison is with it.
    while ((this.#samples[1]?.at ?? Infinity) <= at - SPAN) this.#samples.shift();
    const before = this.#samples[0];
    const rises = new Map<string, Rise>();
    if (before === undefined || at - before.at < SPAN) return rises;
    for (const [name, count] of waiting) {
      const then = before.waiting.get(name) ?? 0;
      if (count - then >= LEAST && count >= SHARE * then) rises.set(name, { more: count - then, ago: at - before.at });
    }
    return rises;
  }
}
