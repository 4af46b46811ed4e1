// How long runs took, against time: scales, marks and percentiles. Pure.

import type { BriefRun, RunStatus } from '../../lib/types';

export interface Dot {
  readonly at: number;
  readonly ms: number;
  readonly status: RunStatus;
  readonly id: string;
}

/** The runs that ended and are known to have taken a time, oldest first. */
export function dotsOf(runs: readonly BriefRun[]): Dot[] {
  return runs
    .flatMap((run) =>
      run.startedAt !== null && run.finishedAt !== null && run.durationMs !== null
        ? [{ at: Date.parse(run.nominalAt ?? run.requestedAt), ms: run.durationMs, status: run.status, id: run.id }]
        : [],
    )
    .sort((a, b) => a.at - b.at);
}

/** The value below which a share of the values lie; null of none. */
export function quantile(values: readonly number[], share: number): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const low = sorted[Math.floor(at)] ?? 0;
  const high = sorted[Math.ceil(at)] ?? low;
  return low + (high - low) * (at - Math.floor(at));
}

const STEPS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000,
  1_800_000, 3_600_000, 7_200_000, 14_400_000, 28_800_000, 43_200_000, 86_400_000, 172_800_000, 604_800_000,
];

/** A scale from zero to at least `most`: its end, and two to five marks at round lengths of time. */
export function scaleOf(most: number): { readonly end: number; readonly marks: readonly number[] } {
  const wanted = Math.max(most, 1) * 1.06;
  const step = STEPS.find((one) => wanted / one <= 4) ?? 604_800_000 * Math.ceil(wanted / 604_800_000 / 4);
  const marks: number[] = [];
  for (let mark = step; mark <= wanted; mark += step) marks.push(mark);
  return { end: wanted, marks };
}
