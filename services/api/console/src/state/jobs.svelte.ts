// The index of all jobs, shared by the list, the palette and what shows the name of a job. Asked for when first needed.

import { untrack } from 'svelte';
import { here, pulse, session } from './app.svelte';
import { api } from '../lib/api';
import type { Answer } from '../lib/http';
import { rowsOf, rowsOfJobs } from '../lib/jobs';
import type { JobRow } from '../lib/jobs';
import { passes } from '../lib/problem';
import type { Problem } from '../lib/problem';
import type { Job, Pulse } from '../lib/types';

const MOST_PAGES = 20; // of 1000 jobs each
/** The API gives an index for a second, and longer where it takes long; the pulse tells only what changes after it began. */
const STALE = 1500; // ms

/** Where something is undecided nothing happens, and the index says more and more of it. */
const isNews = ({ many, jobs, runs, lagMs }: Pulse): boolean =>
  many || jobs.length > 0 || runs.length > 0 || (lagMs ?? 0) > 0;

class AllJobs {
  rows: readonly JobRow[] | null = $state.raw(null);
  problem: Problem | null = $state.raw(null);
  loading = $state(false);
  /** False where the API has no index: then streaks, medians and words are not known. */
  whole = $state(true);
  at: string | null = $state(null);
  readonly byId: ReadonlyMap<string, JobRow> = $derived(new Map((this.rows ?? []).map((row) => [row.id, row])));

  #users = 0;
  /** How long asking took last, in ms: ten times as long is waited before the next, so a large index does not fill the time. */
  #took = 0;
  #absent = false; // the API is older than the index
  #stop: (() => void) | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Keep the index as long as the returned function is not called. */
  use(): () => void {
    this.#users += 1;
    if (this.#users === 1) untrack(() => this.#begin()); // an effect that uses it is not made again for what changes in it
    return () => {
      this.#users -= 1;
      if (this.#users === 0) this.#end();
    };
  }

  refresh = (): void => {
    if (this.loading) this.#soon(1000);
    else void this.#ask();
  };

  #begin(): void {
    this.refresh();
    this.#soon(STALE);
    let first = true;
    const leave = session.subscribe((phase) => {
      if (phase.phase === 'in') this.refresh(); // who asks may do other things than before
    });
    const stop = pulse.subscribe({
      pulse: (message) => {
        if (!first && (message === null || isNews(message))) {
          this.#soon(Math.min(Math.max(1000, 10 * this.#took), 15_000));
        }
      },
      live: ({ state }) => {
        if (!first && state === 'live') this.#soon(STALE);
      },
    });
    first = false;
    this.#stop = () => {
      leave();
      stop();
    };
  }

  #end(): void {
    this.#stop?.();
    this.#stop = null;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #soon(ms: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.refresh();
    }, ms);
  }

  async #ask(): Promise<void> {
    if (here.phase.phase === 'out' || !session.may('list')) return;
    this.loading = true;
    const begun = performance.now();
    const answer = this.#absent ? null : await api.jobsIndex(session);
    if (answer?.ok) {
      this.rows = rowsOf(answer.data.columns);
      this.at = answer.data.at;
      this.problem = null;
      this.whole = true;
    } else if (answer === null || answer.problem.kind === 'missing') {
      this.#absent = true;
      this.whole = false;
      await this.#askByPages();
    } else {
      this.problem = answer.problem;
      if (passes(answer.problem)) this.#soon(answer.problem.retryAfter ?? 5000);
    }
    this.#took = performance.now() - begun;
    this.loading = false;
  }

  async #askByPages(): Promise<void> {
    const jobs: Job[] = [];
    let cursor: string | null = null;
    for (let page = 0; page < MOST_PAGES; page += 1) {
      const answer: Answer<{ items: readonly Job[]; nextCursor: string | null }> = await api.jobs(session, {
        limit: 1000,
        cursor,
      });
      if (!answer.ok) {
        this.problem = answer.problem;
        return;
      }
      jobs.push(...answer.data.items);
      cursor = answer.data.nextCursor;
      if (cursor === null) break;
    }
    this.rows = rowsOfJobs(jobs);
    this.problem = null;
  }
}

export const allJobs = new AllJobs();

/** The index while the component is shown. */
export function useJobs(): AllJobs {
  $effect(() => allJobs.use());
  return allJobs;
}
