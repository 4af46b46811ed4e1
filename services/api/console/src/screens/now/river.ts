// The river: an hour back and an hour ahead, all jobs together. Runs that ended lie left of the needle, what is due to
// the right. Bins lie on one raster of time, so that nothing jumps from one to the next while the river flows.

import type { JobRow } from '../../lib/jobs';
import type { BriefRun, Fire, Fires, RunStatus } from '../../lib/types';

export const SIDE = 3_600_000; // ms on each side of the needle

export interface Ended {
  readonly id: string;
  readonly jobId: string | null;
  readonly name: string;
  readonly status: RunStatus;
  readonly at: number;
  readonly durationMs: number | null;
  readonly errorLine: string | null;
}

export interface Moving {
  readonly id: string;
  readonly name: string;
  readonly from: number;
}

export interface Bin {
  readonly from: number;
  readonly to: number; // exclusive
  /** Best first: what is worst lies on top. */
  readonly ended: readonly Ended[];
  readonly due: readonly Fire[];
  /** How many are due; `due` names the first of them. */
  readonly dueCount: number;
}

const BADNESS: Readonly<Partial<Record<RunStatus, number>>> = { cancelled: 1, died: 2, timedOut: 3, failed: 4 };
const badness = (status: RunStatus): number => BADNESS[status] ?? 0;
export const isBad = (status: RunStatus): boolean => badness(status) >= 2;

/** Runs that ended in the hour before `now`, newest first: those listed, and the last of each job that began earlier. */
export function endedOf(runs: readonly BriefRun[], rows: readonly JobRow[], now: number): Ended[] {
  const ended = new Map<string, Ended>();
  for (const run of runs) {
    if (run.finishedAt === null) continue;
    const { id, jobId, status, durationMs, errorLine } = run;
    const name = run.jobName === null ? run.invokeTarget : `${run.jobGroup ?? ''}/${run.jobName}`;
    ended.set(id, { id, jobId, name, status, at: Date.parse(run.finishedAt), durationMs, errorLine });
  }
  for (const row of rows) {
    if (row.lastRunId === null || row.lastStatus === null || row.lastFinishedAt === null || ended.has(row.lastRunId)) continue;
    ended.set(row.lastRunId, {
      id: row.lastRunId,
      jobId: row.id,
      name: `${row.group}/${row.name}`,
      status: row.lastStatus,
      at: Date.parse(row.lastFinishedAt),
      durationMs: row.lastDurationMs,
      errorLine: null,
    });
  }
  return [...ended.values()].filter(({ at }) => at > now - SIDE && at <= now + 1000).sort((a, b) => b.at - a.at);
}

/** Runs that go on now, the longest first. */
export function movingOf(runs: readonly BriefRun[], rows: readonly JobRow[]): Moving[] {
  const moving = new Map<string, Moving>();
  for (const run of runs) {
    if (run.status !== 'running' || run.startedAt === null) continue;
    const name = run.jobName === null ? run.invokeTarget : `${run.jobGroup ?? ''}/${run.jobName}`;
    moving.set(run.id, { id: run.id, name, from: Date.parse(run.startedAt) });
  }
  const known = new Set(runs.map((run) => run.id));
  for (const row of rows) {
    if (row.lastStatus !== 'running' || row.lastRunId === null || row.lastStartedAt === null || known.has(row.lastRunId)) continue;
    moving.set(row.lastRunId, { id: row.lastRunId, name: `${row.group}/${row.name}`, from: Date.parse(row.lastStartedAt) });
  }
  return [...moving.values()].sort((a, b) => a.from - b.from);
}

/** The width of a bin in ms, for a picture of so many pixels: 30 s where a drop has room in it. */
export function stepFor(width: number): number {
  if (width >= 1080) return 30_000;
  return width >= 540 ? 60_000 : 120_000;
}

/**
 * The bins that touch the two hours around `now`. `counts`: how many are due in equal parts of the fires' range, where
 * not all of them are named.
 */
export function riverOf(ended: readonly Ended[], fires: Fires | null, counts: Fires | null, now: number, step: number): Bin[] {
  const first = Math.floor((now - SIDE) / step);
  const last = Math.ceil((now + SIDE) / step);
  const bins = Array.from({ length: last - first }, (_, n) => ({
    from: (first + n) * step,
    to: (first + n + 1) * step,
    ended: [] as Ended[],
    due: [] as Fire[],
    dueCount: 0,
  }));
  const at = (time: number): (typeof bins)[number] | undefined => bins[Math.floor(time / step) - first];
  for (const run of ended) at(Math.min(run.at, now))?.ended.push(run);
  for (const bin of bins) bin.ended.sort((a, b) => badness(a.status) - badness(b.status) || a.at - b.at);
  for (const fire of fires?.items ?? []) {
    const time = Date.parse(fire.at);
    const bin = time <= now ? undefined : at(time);
    bin?.due.push(fire);
  }
  for (const bin of bins) bin.dueCount = bin.due.length;
  if (counts?.counts != null && fires !== null && fires.items.length < fires.total) {
    const from = Date.parse(counts.from);
    const width = (Date.parse(counts.to) - from) / Math.max(1, counts.counts.length);
    for (const bin of bins) bin.dueCount = 0;
    counts.counts.forEach((count, n) => {
      const time = from + (n + 0.5) * width;
      const bin = time <= now ? undefined : at(time);
      if (bin !== undefined) bin.dueCount += count;
    });
  }
  return bins;
}

export const isEmpty = (bin: Bin): boolean => bin.ended.length === 0 && bin.dueCount === 0;

/** The next bin with something in it, from `at` in a direction; null if there is none. */
function nextFull(bins: readonly Bin[], at: number, direction: 1 | -1): number | null {
  for (let n = at + direction; n >= 0 && n < bins.length; n += direction) {
    const bin = bins[n];
    if (bin !== undefined && !isEmpty(bin)) return n;
  }
  return null;
}

/** Where a key leads: from the bin `at`, or from the needle, which stands in the bin `middle` and passes none of it over. */
export function byKey(bins: readonly Bin[], key: Key, at: number | null, middle: number): number | null {
  const needle = Math.max(0, middle);
  switch (key) {
    case 'ArrowLeft':
      return nextFull(bins, at ?? needle + 1, -1);
    case 'ArrowRight':
      return nextFull(bins, at ?? needle - 1, 1);
    case 'Home':
      return nextFull(bins, -1, 1);
    case 'End':
      return nextFull(bins, bins.length, -1);
  }
}

export const KEYS = ['ArrowLeft', 'ArrowRight', 'Home', 'End'] as const;
type Key = (typeof KEYS)[number];
