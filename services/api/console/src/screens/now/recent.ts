// The runs of the last hour, kept so that a busy installation is not asked for all of them each time one changes: the
// newest page each time, all of them when an older unfinished one may have changed, and then not often.

import type { Answer } from '../../lib/http';
import type { BriefRun, Page } from '../../lib/types';

export const PAGE = 250;
const FULL = 1000;
const MOST = 2000;
const FULL_EVERY = 15_000;
const BACK = 5_400_000; // a run that ended within the hour may have been requested earlier; of jobs the index knows the last

export interface Recent {
  readonly runs: readonly BriefRun[]; // newest first
  /** There are more than are kept; numbers made of them are at least so many. */
  readonly more: boolean;
}

type Ask = (query: { from: string; limit: number; cursor?: string | null }) => Promise<Answer<Page<BriefRun>>>;

export class RecentRuns {
  #known: Recent | null = null;
  #fullAt = 0;

  /** Ask for what may have changed. `now`: by the server's clock. */
  async asked(ask: Ask, now: number): Promise<Answer<Recent>> {
    const from = new Date(now - BACK).toISOString();
    const first = await ask({ from, limit: PAGE });
    if (!first.ok) return first;
    const { items, nextCursor } = first.data;
    const known = this.#known;
    if (nextCursor === null) return this.#kept(first, { runs: items, more: false }, now);
    const newest = new Set(items.map((run) => run.id));
    const others = known?.runs.filter((run) => !newest.has(run.id) && run.requestedAt >= from) ?? [];
    const joined = known !== null && known.runs.some((run) => newest.has(run.id));
    if (joined && (now - this.#fullAt < FULL_EVERY || others.every((run) => run.finishedAt !== null))) {
      return this.#told(first, { runs: [...items, ...others].slice(0, MOST), more: known.more });
    }
    const runs = [...items];
    let cursor: string | null = nextCursor;
    while (cursor !== null && runs.length < MOST) {
      const page: Answer<Page<BriefRun>> = await ask({ from, limit: Math.min(FULL, MOST - runs.length), cursor });
      if (!page.ok) return page;
      runs.push(...page.data.items);
      cursor = page.data.nextCursor;
    }
    return this.#kept(first, { runs, more: cursor !== null }, now);
  }

  #kept(answer: Answer<unknown> & { ok: true }, recent: Recent, now: number): Answer<Recent> {
    this.#fullAt = now;
    return this.#told(answer, recent);
  }

  #told(answer: Answer<unknown> & { ok: true }, recent: Recent): Answer<Recent> {
    this.#known = recent;
    return { ...answer, data: recent };
  }
}
