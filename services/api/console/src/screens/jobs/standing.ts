// How a job stands, by what the index and the ledger know of it: what needs a person, and how much.

import type { JobRow } from '../../lib/jobs';

/** Worst first. */
export const TROUBLES = ['missing', 'undecided', 'failing', 'broken', 'slow'] as const;
export type Trouble = (typeof TROUBLES)[number];

/** States that the list can be filtered by. `trouble` is any of the five. */
export const STATES = ['trouble', ...TROUBLES, 'running', 'disabled', 'manual', 'fresh'] as const;
export type State = (typeof STATES)[number];

export interface Standing {
  readonly trouble: Trouble | null;
  /** Greater is worse, among jobs of the same trouble. */
  readonly weight: number;
  readonly states: ReadonlySet<State>;
  readonly due: boolean; // within the next hour
}

/** An instant is undecided for a moment in any installation; this long says that something is wrong. */
const PATIENCE = 30_000;
/** The index counts no further. */
export const STREAK_MOST = 20;
const HOUR = 3_600_000;
/** A run is over its usual time from three times the median, and a minute at least: short jobs vary. */
const OVER = 3;
const OVER_LEAST = 60_000;

/** How each job stands, by its id. `cracked`: those of which the ledger has found instants without an outcome, or with two. */
export const standingsOf = (rows: readonly JobRow[], now: number, cracked: Pick<ReadonlySet<string>, 'has'>): Map<string, Standing> =>
  new Map(rows.map((row) => [row.id, standingOf(row, now, cracked.has(row.id))]));

/** How a job stands at `now` (ms). */
export function standingOf(row: JobRow, now: number, cracked: boolean): Standing {
  const trouble = troubleOf(row, now, cracked);
  const states = new Set<State>();
  if (trouble !== null) states.add('trouble').add(trouble);
  // One that is failing and undecided, say, fits both words.
  if (row.enabled && row.streak < 0) states.add('failing');
  if (row.brokenSince !== null) states.add('broken');
  if (row.isRunning) states.add('running');
  if (!row.enabled) states.add('disabled');
  if (row.cronExpression === null) states.add('manual');
  if (row.lastRunId === null) states.add('fresh');
  const next = row.nextFireAt === null ? NaN : Date.parse(row.nextFireAt);
  return { trouble, weight: weightOf(row, trouble, now), states, due: row.enabled && next - now <= HOUR };
}

function troubleOf(row: JobRow, now: number, cracked: boolean): Trouble | null {
  if (cracked) return 'missing';
  if (row.pendingSince !== null && now - Date.parse(row.pendingSince) >= PATIENCE) return 'undecided';
  if (row.enabled && row.streak < 0) return 'failing';
  if (row.brokenSince !== null) return 'broken';
  return isOver(row, now) ? 'slow' : null;
}

/** How long its run goes on, in ms; null if none does. */
export function runningFor(row: JobRow, now: number): number | null {
  if (!row.isRunning || row.lastStatus !== 'running' || row.lastStartedAt === null) return null;
  return Math.max(0, now - Date.parse(row.lastStartedAt));
}

function isOver(row: JobRow, now: number): boolean {
  const length = runningFor(row, now);
  return length !== null && isLong(length, row.medianMs);
}

/** Whether a run is far over the usual time of its job. */
export const isLong = (length: number, median: number | null): boolean =>
  median !== null && length >= Math.max(OVER * median, median + OVER_LEAST);

function weightOf(row: JobRow, trouble: Trouble | null, now: number): number {
  switch (trouble) {
    case 'undecided':
      return now - Date.parse(row.pendingSince ?? '');
    case 'failing':
      return -row.streak;
    case 'broken':
      return now - Date.parse(row.brokenSince ?? '');
    case 'slow':
      return (runningFor(row, now) ?? 0) / Math.max(1, row.medianMs ?? 1);
    default:
      return 0;
  }
}

/** Worst first; jobs that stand alike stay in their order. */
export function byTrouble(a: Standing, b: Standing): number {
  const rank = (one: Standing): number => (one.trouble === null ? TROUBLES.length : TROUBLES.indexOf(one.trouble));
  return rank(a) - rank(b) || b.weight - a.weight;
}
