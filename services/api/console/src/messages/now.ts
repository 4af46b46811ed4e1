// The words of the Now screen. Times in sentences are RFC 3339: the page shows them in the reader's zone.

import { inWords, rough, short } from '../lib/duration';
import { number } from '../lib/fates';
import type { RunStatus } from '../lib/types';
import { STREAK_MOST } from '../screens/jobs/standing';
import type { Bin, Ended } from '../screens/now/river';

const of = (count: number, one: string, many = `${one}s`): string => `${number(count)} ${count === 1 ? one : many}`;
export const jobs = (count: number): string => of(count, 'job');
export const runs = (count: number): string => of(count, 'run');
export const times = (count: number): string => of(count, 'scheduled time');

/** On one line. */
const joined = (text: string): string => text.replaceAll(' ', '\u00a0');

/** The sentence of the head, by how the waterline looks. */
export const HEAD = {
  calm: () => 'The clock runs.',
  rising: (lag: number) => `The clock is ${joined(short(lag))} behind.`,
  high: (lag: number) => `The clock is ${joined(short(lag))} behind.`,
  stands: () => 'The clock stands.',
  unknown: () => 'How the clock runs is not known yet.',
} as const;

export const UNDECIDED = 'The oldest scheduled time that is due and not decided: ';
export const STANDS = 'No scheduler leads, so nothing is decided. What comes due meanwhile is made up for later, as each job says.';
export const REDIS_AWAY = 'Redis is away, so nothing can be decided. What comes due meanwhile is made up for later, as each job says.';
export const NOT_TOLD = 'No scheduler has told yet how far it is.';

export const ATTENTION = {
  title: 'What needs you',
  well: 'All is well.',
  wellAsFarAsKnown: 'Nothing needs you, as far as is known.',
  first: 'There is nothing to watch over yet.',
} as const;

/** `1 983 scheduled times in 24 h, all decided.` */
export function proved(all: number, pending: number, breaches: number): string {
  if (all === 0) return 'Nothing was due in 24 h.';
  const told = [`${times(all)} in 24 h`];
  if (pending === 0 && breaches === 0) return `${told[0] ?? ''}, all decided.`;
  if (breaches > 0) told.push(`${of(breaches, 'place')} where the ledger does not fit`);
  if (pending > 0) told.push(`${number(pending)} not decided yet`);
  return `${told.join(', ')}.`;
}

const often = (count: number): string => (count >= STREAK_MOST ? `${number(count)} times and more` : of(count, 'time'));

/** What follows the subject of a line, which is a job, a queue, a worker or an executor by its name. */
export const SAID = {
  store: {
    redis: (said: string): string => `is away (${said}): nothing is decided and no run starts.`,
    postgres: (said: string): string => `is away (${said}): lists and histories stand still.`,
  },
  unled: 'leads every part of the schedule: what is due there is not decided.',
  hole: (count: number, through: string): string =>
    count > 0
      ? `has ${times(count)} in the last day that nothing was decided for, the last by ${through}.`
      : `has a break in its decisions of the last day, at ${through}.`,
  double: (count: number, through: string): string => `was decided twice for ${times(count)} in the last day, the last by ${through}.`,
  stray: (count: number, through: string): string =>
    `has ${of(count, 'decision')} in the last day for times that were not due, the last by ${through}.`,
  pending: (since: string, age: number): string => `was due at ${since}, ${rough(age)} ago, and is not decided.`,
  anyPending: (since: string, age: number): string => `was due at ${since}, ${rough(age)} ago, and is not decided.`,
  workerless: (waiting: number): string =>
    waiting > 0 ? `is there: ${runs(waiting)} ${waiting === 1 ? 'waits' : 'wait'}, and none can start.` : 'is there: no run can start.',
  full: (said: string): string => `is full: ${said}`,
  failed: (streak: number, since: string | null): string => {
    if (streak <= 1) return since === null ? 'did not succeed at its last run.' : `did not succeed at its last run, ${since}.`;
    return `has failed ${often(streak)} in a row${since === null ? '' : `, since ${since}`}.`;
  },
  failedAlike: (streak: number, since: string | null): string =>
    `fail with the same error${streak > 1 ? `, up to ${often(streak)} in a row` : ''}${since === null ? '' : `, since ${since}`}.`,
  slow: (length: number, median: number): string => `runs for ${inWords(round(length))}; it usually takes ${inWords(round(median))}.`,
  paused: (waiting: number, oldest: number | null): string =>
    waiting === 0
      ? 'is paused. Nothing waits in it.'
      : `is paused: ${runs(waiting)} ${waiting === 1 ? 'waits' : 'wait'} in it${oldest === null ? '' : `, the oldest for ${rough(oldest)}`}.`,
  slack: (waiting: number, oldest: number, started: number | null): string =>
    `is behind: ${runs(waiting)} ${waiting === 1 ? 'waits' : 'wait'}, the oldest for ${rough(oldest)}${started === null ? '' : `; ${number(started)} started in the last minute`}.`,
  rising: (waiting: number, more: number, ago: number): string =>
    `rises: ${runs(waiting)} ${waiting === 1 ? 'waits' : 'wait'}, ${number(more)} more than ${rough(ago)} ago.`,
  executor: (count: number, queue: string, next: string | null): string =>
    `has no live worker on queue ${queue}: ${jobs(count)} ${count === 1 ? 'needs' : 'need'} one${next === null ? '' : `, next at ${next}`}.`,
  silent: (heard: string | null, running: number): string =>
    `is silent${heard === null ? '' : `, last heard at ${heard}`}${running > 0 ? `; it holds ${runs(running)}` : ''}.`,
  lost: (count: number): string => `${count === 1 ? 'was' : 'were'} lost in the last hour; ${count === 1 ? 'its runs were' : 'their runs were'} given to others.`,
  memory: (share: number, used: number, max: number): string =>
    `uses ${Math.round(share * 100)} % of its memory, ${bytes(used)} of ${bytes(max)}. At the limit new runs and changes are refused.`,
  behind: (lag: number): string => `is ${short(lag)} behind: what is shown here is as old.`,
  check: (said: string): string => `is not well: ${said}.`,
  key: (at: string, left: number): string => (left <= 0 ? `expired at ${at}.` : `expires ${at}, in ${rough(left)}.`),
} as const;

/** Those of one kind that have no line of their own. */
export const FOLDED: Readonly<Record<string, (count: number) => string>> = {
  hole: (count) => `${of(count, 'more job has', 'more jobs have')} places where the ledger does not fit.`,
  pending: (count) => `${of(count, 'more job has', 'more jobs have')} undecided times.`,
  failing: (count) => `${of(count, 'more job', 'more jobs')} did not succeed at the last run.`,
  slow: (count) => `${of(count, 'more run goes', 'more runs go')} on far over the usual time.`,
  queue: (count) => `${of(count, 'more queue is', 'more queues are')} paused or behind.`,
  executor: (count) => `${of(count, 'more executor has', 'more executors have')} no live worker.`,
  worker: (count) => `${of(count, 'more worker is', 'more workers are')} silent or lost.`,
  check: (count) => `${of(count, 'more check', 'more checks')} of the API found something.`,
};

export const ACTION = {
  explain: 'Explain',
  run: 'Open the run',
  job: 'Open the job',
  jobs: 'See the jobs',
  resume: 'Resume…',
  copy: 'Copy',
} as const;

const round = (ms: number): number => (ms < 60_000 ? Math.max(1000, Math.round(ms / 1000) * 1000) : Math.round(ms / 60_000) * 60_000);

export function bytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let [value, unit] = [count, 0];
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value >= 100 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit] ?? ''}`;
}

export const EMPTY_BIN = 'Point at a drop, or use the arrow keys, to see what it is.';

const STATUS_SAID: Readonly<Partial<Record<RunStatus, string>>> = { timedOut: 'timed out' };
const NAMED = 3;

/** What lies at a place of the river. */
export function describe(bin: Bin | null, range: (bin: Bin) => string): string {
  if (bin === null) return EMPTY_BIN;
  const worst = bin.ended.toReversed();
  const told = worst.slice(0, NAMED).map((run) => {
    const took = run.durationMs === null ? '' : ` after ${short(run.durationMs)}`;
    return `${run.name} ${STATUS_SAID[run.status] ?? run.status}${took}`;
  });
  if (worst.length > NAMED) told.push(`${number(worst.length - NAMED)} more ended`);
  told.push(...bin.due.slice(0, NAMED).map((fire) => `${fire.jobGroup}/${fire.jobName} is due`));
  const named = Math.min(NAMED, bin.due.length);
  if (bin.dueCount > named) told.push(`${number(bin.dueCount - named)} ${named > 0 ? 'more ' : ''}due`);
  return `${range(bin)}: ${told.length === 0 ? 'nothing' : told.join(', ')}`;
}

/** The river in a sentence. */
export function riverSummary(ended: readonly Ended[], moving: number, bins: readonly Bin[]): string {
  const bad = ended.filter((run) => run.status !== 'succeeded' && run.status !== 'cancelled').length;
  const due = bins.reduce((sum, bin) => sum + bin.dueCount, 0);
  return `${runs(ended.length)} ended${bad > 0 ? `, ${number(bad)} of them failed` : ''}; ${number(moving)} running; ${number(due)} due.`;
}
