import { describe, expect, it } from 'vitest';
import type { Answer } from '../../lib/http';
import type { BriefRun, Page } from '../../lib/types';
import { PAGE, RecentRuns } from './recent';

const NOW = Date.parse('2026-11-30T12:00:00Z');
const runOf = (n: number, finished = true): BriefRun =>
  ({
    id: `r${n}`,
    requestedAt: new Date(NOW - 3_600_000 + n * 1000).toISOString(),
    finishedAt: finished ? new Date(NOW).toISOString() : null,
  }) as BriefRun;

class Api {
  asked: { limit: number; cursor?: string | null }[] = [];
  runs: BriefRun[];

  constructor(count: number) {
    this.runs = Array.from({ length: count }, (_, n) => runOf(n));
  }

  ask = (query: { limit: number; cursor?: string | null }): Promise<Answer<Page<BriefRun>>> => {
    this.asked.push(query);
    const newest = this.runs.toReversed();
    const from = Number(query.cursor ?? 0);
    const items = newest.slice(from, from + query.limit);
    const nextCursor = from + query.limit < newest.length ? String(from + query.limit) : null;
    return Promise.resolve({ ok: true, status: 200, headers: new Headers(), data: { items, nextCursor } });
  };
}

async function read(recent: RecentRuns, api: Api, now = NOW): Promise<readonly BriefRun[]> {
  const answer = await recent.asked(api.ask, now);
  return answer.ok ? answer.data.runs : [];
}

describe('the runs of the last hour', () => {
  it('are asked for once where they fit a page', async () => {
    const api = new Api(10);
    expect(await read(new RecentRuns(), api)).toHaveLength(10);
    expect(api.asked).toHaveLength(1);
  });

  it('are read whole first, and then by the newest page', async () => {
    const [recent, api] = [new RecentRuns(), new Api(700)];
    expect(await read(recent, api)).toHaveLength(700);
    expect(api.asked.map(({ limit }) => limit)).toEqual([PAGE, 1000]);
    api.runs.push(runOf(700));
    const runs = await read(recent, api, NOW + 60_000);
    expect(runs).toHaveLength(701);
    expect(runs.map((run) => run.id)).toEqual(api.runs.toReversed().map((run) => run.id));
    expect(api.asked).toHaveLength(3);
  });

  it('are read whole again for an older one that goes on, but not often', async () => {
    const [recent, api] = [new RecentRuns(), new Api(700)];
    api.runs[5] = runOf(5, false);
    await read(recent, api);
    await read(recent, api, NOW + 2000);
    expect(api.asked).toHaveLength(3);
    api.runs[5] = runOf(5);
    const runs = await read(recent, api, NOW + 20_000);
    expect(runs.every((run) => run.finishedAt !== null)).toBe(true);
  });

  it('are not more than can be kept, and that is said', async () => {
    const answer = await new RecentRuns().asked(new Api(5000).ask, NOW);
    expect(answer.ok && [answer.data.runs.length, answer.data.more]).toEqual([2000, true]);
  });
});
