// The words of the screen of all jobs.

import type { Action } from '../screens/jobs/bulk';
import type { Sort } from '../screens/jobs/layout';
import type { Facet } from '../screens/jobs/sift';
import type { Span } from '../screens/jobs/span';
import type { State, Trouble } from '../screens/jobs/standing';
import { FATES, number, WORDS } from '../lib/fates';
import type { Counts } from '../lib/types';

/** `1 job`, `2 jobs`. */
export const jobs = (count: number): string => `${number(count)} ${count === 1 ? 'job' : 'jobs'}`;

/** The state of things in a sentence, before anything else. */
export function summary(all: number, off: number, running: number): string {
  if (all === 0) return 'There is no job yet.';
  const enabled = all - off;
  const told = [off === 0 ? `${jobs(all)}, all enabled` : `${jobs(all)}: ${number(enabled)} enabled, ${number(off)} disabled`];
  if (running > 0) told.push(`${number(running)} running`);
  return `${told.join(', ')}.`;
}

export const NEEDS = (count: number): string =>
  count === 0 ? 'None needs a look.' : `${number(count)} ${count === 1 ? 'needs' : 'need'} a look.`;

export const STATE_WORDS: Readonly<Record<State, string>> = {
  trouble: 'Needs a look',
  missing: 'Ledger does not fit',
  undecided: 'Undecided',
  failing: 'Failing',
  broken: 'Promise broken',
  slow: 'Over usual time',
  running: 'Running',
  disabled: 'Disabled',
  manual: 'No schedule',
  fresh: 'Never ran',
};

export const DUE = 'Due within an hour';

export const FACET_WORDS: Readonly<Record<Facet, { readonly one: string; readonly many: string }>> = {
  group: { one: 'Group', many: 'groups' },
  queue: { one: 'Queue', many: 'queues' },
  executor: { one: 'Executor', many: 'executors' },
  label: { one: 'Label', many: 'labels' },
};

export const SORT_WORDS: Readonly<Record<Sort, string>> = {
  trouble: 'Trouble first',
  next: 'Next fire',
  name: 'Name',
  changed: 'Last change',
};

export const SPAN_WORDS: Readonly<Record<Span, { readonly short: string; readonly long: string }>> = {
  day: { short: '24 h', long: 'the last 24 hours' },
  week: { short: '7 d', long: 'the last 7 days' },
  month: { short: '30 d', long: 'the last 30 days' },
};

export const TROUBLE_WORDS: Readonly<Record<Trouble, string>> = {
  missing: 'The ledger does not fit.',
  undecided: 'Undecided:',
  failing: 'Failed',
  broken: 'Promise broken',
  slow: 'Over its usual time:',
};

/** What the ledger of the last day finds, before the time of it. */
export const CRACK_WORDS: Readonly<Record<'missing' | 'double' | 'stray', (count: number) => string>> = {
  missing: (count) => (count === 0 ? 'Its decisions have a gap at' : count === 1 ? 'Nothing was decided for' : `Nothing was decided for ${number(count)} scheduled times, the last by`),
  double: (count) => (count <= 1 ? 'Decided twice:' : `${number(count)} scheduled times were decided twice, the last by`),
  stray: (count) => (count <= 1 ? 'Decided, though it was not due:' : `${number(count)} times were decided that were not due, the last by`),
};

/** The filter in words: `“night”, group billing or etl, failing`. */
export function asked(question: {
  readonly q: string;
  readonly due: boolean;
  readonly health: readonly State[];
  readonly group: readonly string[];
  readonly queue: readonly string[];
  readonly executor: readonly string[];
  readonly label: readonly string[];
}): string {
  const told: string[] = [];
  if (question.q.trim() !== '') told.push(`“${question.q.trim()}”`);
  for (const facet of ['group', 'queue', 'executor', 'label'] as const) {
    const values = question[facet];
    if (values.length > 0) told.push(`${FACET_WORDS[facet].one.toLowerCase()} ${values.join(' or ')}`);
  }
  if (question.health.length > 0) told.push(question.health.map((one) => STATE_WORDS[one].toLowerCase()).join(' or '));
  if (question.due) told.push(DUE.toLowerCase());
  return told.join(', ');
}

/** What a strip holds, for little room: the worst first, so that what is cut off matters least. */
export function inNumbers(counts: Counts): string {
  const told = FATES.filter((fate) => (counts[fate] ?? 0) > 0).map((fate) => `${number(counts[fate] ?? 0)} ${WORDS[fate].many}`);
  return told.length === 0 ? 'nothing was due' : told.join(', ');
}

interface ActionWords {
  readonly verb: string;
  readonly done: string; // 38 … disabled
  readonly each: string; // what happens to one
  readonly same: string; // what happens to one that is so already
  readonly means: string;
}

export const ACTION_WORDS: Readonly<Record<Action, ActionWords>> = {
  disable: {
    verb: 'Disable',
    done: 'disabled',
    each: 'enabled → disabled',
    same: 'disabled already: stays as it is',
    means: 'Nothing of theirs is due until someone enables them. Runs that go on now are not touched.',
  },
  enable: {
    verb: 'Enable',
    done: 'enabled',
    each: 'disabled → enabled',
    same: 'enabled already: stays as it is',
    means: 'Their schedules count from now on. What was due while they were disabled is not made up for.',
  },
  run: {
    verb: 'Run',
    done: 'requested',
    each: 'one run, now',
    same: '',
    means: 'Each gets one run, by hand, with its own parameters and in its own queue. Schedules stay as they are.',
  },
};

export const NONE_CHOSEN = 'Choose jobs first: x, or the box at a line.';
