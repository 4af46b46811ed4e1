// The index of all jobs as rows, and finding jobs by a few letters.

import type { Columns, Job, RunStatus } from './types';

export interface JobRow {
  readonly id: string;
  readonly group: string;
  readonly name: string;
  readonly enabled: boolean;
  readonly cronExpression: string | null;
  readonly timezone: string;
  readonly words: string | null;
  readonly queue: string;
  readonly executor: string;
  readonly labels: readonly string[]; // key=value
  readonly version: number;
  readonly updatedAt: string;
  readonly nextFireAt: string | null;
  readonly lastRunId: string | null;
  readonly lastStatus: RunStatus | null;
  readonly lastNominalAt: string | null;
  readonly lastStartedAt: string | null;
  readonly lastFinishedAt: string | null;
  readonly lastDurationMs: number | null;
  readonly streak: number;
  readonly streakSince: string | null;
  readonly lastError: string | null;
  readonly medianMs: number | null;
  readonly pendingSince: string | null;
  readonly isRunning: boolean;
  readonly brokenSince: string | null;
  /** Group, name, executor, labels and queue, folded: what a search looks at. */
  readonly text: string;
}

export function rowsOf(columns: Columns): JobRow[] {
  return columns.id.map((id, n) => {
    const group = columns.group[n] ?? '';
    const name = columns.name[n] ?? '';
    const executor = columns.invokeTarget[n] ?? '';
    const queue = columns.queue[n] ?? '';
    const labels = pairsOf(columns.labels[n]);
    return {
      id,
      group,
      name,
      enabled: columns.status[n] === '0',
      cronExpression: columns.cronExpression[n] ?? null,
      timezone: columns.timezone[n] ?? 'UTC',
      words: columns.words[n] ?? null,
      queue,
      executor,
      labels,
      version: columns.version[n] ?? 0,
      updatedAt: columns.updatedAt[n] ?? '',
      nextFireAt: columns.nextFireAt[n] ?? null,
      lastRunId: columns.lastRunId[n] ?? null,
      lastStatus: columns.lastStatus[n] ?? null,
      lastNominalAt: columns.lastNominalAt[n] ?? null,
      lastStartedAt: columns.lastStartedAt[n] ?? null,
      lastFinishedAt: columns.lastFinishedAt[n] ?? null,
      lastDurationMs: columns.lastDurationMs[n] ?? null,
      streak: columns.streak[n] ?? 0,
      streakSince: columns.streakSince[n] ?? null,
      lastError: columns.lastError[n] ?? null,
      medianMs: columns.medianMs[n] ?? null,
      pendingSince: columns.pendingSince[n] ?? null,
      isRunning: columns.isRunning[n] ?? false,
      brokenSince: columns.brokenSince?.[n] ?? null,
      text: textOf(group, name, executor, labels, queue),
    };
  });
}

/** Rows of what `GET /jobs` answers, for an API without an index; what only the index knows is left empty. */
export function rowsOfJobs(jobs: readonly Job[]): JobRow[] {
  const rows = jobs.map((job): JobRow => {
    const ended = job.lastRun?.finishedAt != null;
    const good = job.lastRun?.status === 'succeeded';
    const labels = pairsOf(job.labels);
    return {
      id: job.id,
      group: job.jobGroup,
      name: job.jobName,
      enabled: job.status === '0',
      cronExpression: job.cronExpression,
      timezone: job.timezone,
      words: null,
      queue: job.queue,
      executor: job.invokeTarget,
      labels,
      version: job.version,
      updatedAt: job.updatedAt,
      nextFireAt: job.nextFireAt,
      lastRunId: job.lastRun?.id ?? null,
      lastStatus: job.lastRun?.status ?? null,
      lastNominalAt: job.lastRun?.nominalAt ?? null,
      lastStartedAt: job.lastRun?.startedAt ?? null,
      lastFinishedAt: job.lastRun?.finishedAt ?? null,
      lastDurationMs: job.lastRun?.durationMs ?? null,
      streak: ended ? (good ? 1 : -1) : 0,
      streakSince: job.lastRun?.finishedAt ?? null,
      lastError: null,
      medianMs: null,
      pendingSince: null,
      isRunning: job.isRunning ?? false,
      brokenSince: null,
      text: textOf(job.jobGroup, job.jobName, job.invokeTarget, labels, job.queue),
    };
  });
  return rows.sort((a, b) => compare(a.group, b.group) || compare(a.name, b.name));
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const pairsOf = (labels: Readonly<Record<string, string>> = {}): readonly string[] =>
  Object.entries(labels).map(([key, value]) => `${key}=${value}`);

const textOf = (group: string, name: string, executor: string, labels: readonly string[], queue: string): string =>
  folded(`${group}/${name} ${executor} ${labels.join(' ')} ${queue}`);

/** Text as it is compared: without case, marks of letters (the dot of an i is one) and what is invisible. */
export function folded(text: string): string {
  const small = text.toLowerCase();
  if (/^[\x20-\x7e]*$/.test(small)) return small;
  return small.normalize('NFKD').replace(/[\p{M}\p{Cf}]/gu, '').replaceAll('ı', 'i');
}

/** Whether what was typed stands in a name as it is. */
export const isPart = (typed: string, name: string): boolean => folded(name).includes(folded(typed.trim()));

/**
 * How well a name fits what was typed: 0 not at all; better when it starts a word, and when it is short. Letters may be
 * apart (`nor` finds `nightly-orders`), if no part fits whole.
 */
export function fit(typed: string, name: string): number {
  const wanted = folded(typed.trim());
  if (wanted === '') return 1;
  const text = folded(name);
  const at = text.indexOf(wanted);
  if (at >= 0) {
    const starts = at === 0 || /[^\p{L}\p{N}]/u.test(text[at - 1] ?? '');
    return (starts ? 3 : 2) + 1 / (1 + text.length);
  }
  const words = wanted.split(/\s+/);
  if (words.length > 1 && words.every((word) => text.includes(word))) return 1.5 + 1 / (1 + text.length);
  let from = 0;
  for (const letter of wanted.replace(/\s+/g, '')) {
    const next = text.indexOf(letter, from);
    if (next < 0) return 0;
    from = next + 1;
  }
  return 1 / (1 + from);
}

/** The best few rows for what was typed. */
export function found(typed: string, rows: readonly JobRow[], most = 8): JobRow[] {
  const fitting: { row: JobRow; score: number }[] = [];
  for (const row of rows) {
    const score = Math.max(fit(typed, `${row.group}/${row.name}`), fit(typed, row.name) + 0.01);
    if (score > 0.02) fitting.push({ row, score });
  }
  fitting.sort((a, b) => b.score - a.score);
  return fitting.slice(0, most).map(({ row }) => row);
}
