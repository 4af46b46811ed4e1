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
  readonly bins: Bins;
  readonly signature: string;
}

const ONE_REQUEST = 200; // jobs; the API takes no more
const KEPT_MOST = 4000;
const SETTLE = 60; // ms: what is scrolled past is not asked for

/** Changes when something of the job does that a strip would show. */
const signatureOf = (row: JobRow, range: Range): string =>
  [
    range.from,
    range.bins,
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
    return this.#kept.get(id)?.bins ?? null;
  }

  /** The strips of several jobs as one; null unless all are known. */
  together(rows: readonly JobRow[]): Bins | null {
    void this.#told;
    const all: Bins[] = [];
    for (const row of rows) {
      const bins = this.#kept.get(row.id)?.bins;
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
    if (this.#range !== null && this.#range.bins !== range.bins) this.#kept.clear(); // another span
    this.#wanted = rows;
    this.#range = range;
    this.#soon(SETTLE);
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
      .filter((row) => this.#kept.get(row.id)?.signature !== signatureOf(row, range))
      .slice(0, ONE_REQUEST);
    if (missing.length === 0) return;
    const running = new AbortController();
    this.#running = running;
    const query = {
      jobId: missing.map((row) => row.id),
      from: new Date(range.from).toISOString(),
      to: new Date(range.to).toISOString(),
      bins: range.bins,
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
      this.#kept.set(row.id, { bins: came.get(row.id) ?? [], signature: signatureOf(row, range) });
    }
    for (const id of this.#kept.keys()) {
      if (this.#kept.size <= KEPT_MOST) break;
      this.#kept.delete(id);
    }
    this.#told += 1;
    this.#soon(0);
  }
}
