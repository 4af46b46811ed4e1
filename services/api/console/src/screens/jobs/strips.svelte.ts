// Strips of the jobs that are on screen: asked for in few requests, kept while nothing of the job changes.

import { session } from '../../state/app.svelte';
import { api } from '../../lib/api';
import { summed, unrolled } from '../../lib/fates';
import type { JobRow } from '../../lib/jobs';
import type { Problem } from '../../lib/problem';
import type { Counts } from '../../lib/types';
import type { Range } from './span';

export type Bins = readonly (Counts | null)[];

interface Kept {
  /** From `from` on, more than are shown: what time moves into the range is known by then. */
  readonly bins: Bins;
  readonly from: number;
  readonly signature: string;
  shown: Bins; // of the range that is shown
}

const stepOf = (range: Range): number => (range.to - range.from) / range.bins;

/** The bins of a range; null: some of them are not known. */
function within(kept: Pick<Kept, 'bins' | 'from'>, range: Range): Bins | null {
  if (kept.bins.length === 0) return kept.bins;
  const first = (range.from - kept.from) / stepOf(range);
  return first < 0 || first + range.bins > kept.bins.length ? null : kept.bins.slice(first, first + range.bins);
}

const ONE_REQUEST = 200; // jobs; the API takes no more
const KEPT_MOST = 4000;
const SETTLE = 60; // ms: what is scrolled past is not asked for
const AHEAD = 16; // bins after the range: for so long nothing is asked for where nothing happens

/** Changes when something of the job does that a strip would show. */
const signatureOf = (row: JobRow): string =>
  [
    row.version,
    row.lastRunId,
    row.lastStatus,
    row.isRunning,
    row.nextFireAt,
    row.pendingSince,
    row.lastFinishedAt,
  ].join();

export class StripsOnScreen {
  problem: Problem | null = $state.raw(null);
  #told = $state(0); // grows when an answer has come
  #kept = new Map<string, Kept>();
  #wanted: readonly JobRow[] = [];
  #range: Range | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running: AbortController | null = null;
  #failures = 0;

  /** The strip of a job as far as it is known; that of before stays until the new one is there. */
  of(id: string): Bins | null {
    void this.#told;
    return this.#kept.get(id)?.shown ?? null;
  }

  /** The strips of several jobs as one; null unless all are known. */
  together(rows: readonly JobRow[]): Bins | null {
    void this.#told;
    const all: Bins[] = [];
    for (const row of rows) {
      const bins = this.#kept.get(row.id)?.shown;
      if (bins === undefined) return null;
      all.push(bins);
    }
    const length = all[0]?.length ?? 0;
    return Array.from({ length }, (_, n) => {
      const counts = summed(all.map((bins) => bins[n] ?? null));
      return Object.keys(counts).length === 0 ? null : counts;
    });
  }

  /** Have the strips of these, in this order. What else was wanted is not asked for any more. */
  want(rows: readonly JobRow[], range: Range): void {
    const before = this.#range;
    this.#wanted = rows;
    this.#range = range;
    if (before !== null && before.bins !== range.bins) this.#kept.clear(); // another span
    else if (before !== null && before.from !== range.from) this.#move(range);
    this.#soon(SETTLE);
  }

  /** Show another range, as far as it is known. */
  #move(range: Range): void {
    for (const kept of this.#kept.values()) kept.shown = within(kept, range) ?? kept.shown;
    this.#told += 1;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#running?.abort();
    this.#running = null;
    this.#wanted = [];
  }

  retry = (): void => {
    this.#failures = 0;
    this.#soon(0);
  };

  #soon(ms: number): void {
    if (this.#running !== null) return; // when it has ended it looks again
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#ask(), ms);
  }

  async #ask(): Promise<void> {
    const range = this.#range;
    if (range === null) return;
    const missing = this.#wanted
      .filter((row) => {
        const kept = this.#kept.get(row.id);
        return kept === undefined || kept.signature !== signatureOf(row) || within(kept, range) === null;
      })
      .slice(0, ONE_REQUEST);
    if (missing.length === 0) return;
    const running = new AbortController();
    this.#running = running;
    const query = {
      jobId: missing.map((row) => row.id),
      from: new Date(range.from).toISOString(),
      to: new Date(range.to + AHEAD * stepOf(range)).toISOString(),
      bins: range.bins + AHEAD,
    };
    const answer = await api.strips(session, query, running.signal);
    if (this.#running !== running) return;
    this.#running = null;
    if (!answer.ok) {
      this.problem = answer.problem;
      this.#failures += 1;
      const { kind, retryAfter } = answer.problem;
      if (kind === 'network' || kind === 'busy' || kind === 'server') {
        this.#soon(retryAfter ?? Math.min(15_000, 2000 * this.#failures));
      }
      return;
    }
    this.problem = null;
    this.#failures = 0;
    const came = new Map(answer.data.items.map((strip) => [strip.jobId, unrolled(strip.cells)]));
    for (const row of missing) {
      // A job that is gone by now has none: it is not asked for again.
      this.#kept.delete(row.id);
      const bins = came.get(row.id) ?? [];
      this.#kept.set(row.id, { bins, from: range.from, signature: signatureOf(row), shown: bins.slice(0, range.bins) });
    }
    for (const id of this.#kept.keys()) {
      if (this.#kept.size <= KEPT_MOST) break;
      this.#kept.delete(id);
    }
    this.#told += 1;
    this.#soon(0);
  }
}
