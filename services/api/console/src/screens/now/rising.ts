// Whether a queue fills: how many wait now against a few minutes ago, as far as this page has seen it.

import type { QueuePulse } from '../../lib/types';
import type { Rise } from './attention';

const SPAN = 300_000;
const EVERY = 15_000; // between two samples
const LEAST = 10; // more runs than before
const SHARE = 1.5;

export class Rising {
  #samples: { readonly at: number; readonly waiting: ReadonlyMap<string, number> }[] = [];

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
