// What can become of an instant, in the order of how much it matters, and what a bin of many instants says.

import type { Cells, Counts } from './types';

/** Worst first: where a cell holds many, the first of these that it holds gives it its shape. */
export const FATES = [
  'missing',
  'double',
  'stray',
  'failed',
  'timedOut',
  'died',
  'pending',
  'running',
  'waiting',
  'skipped',
  'cancelled',
  'coalesced',
  'succeeded',
  'future',
  'disabled',
  'deleted',
  'notYetCreated',
  'forgotten',
] as const;
export type Fate = (typeof FATES)[number];

/** How a fate is drawn. Shape and tone always tell the same. */
export type Shape = 'drop' | 'broken' | 'half' | 'hollow' | 'tail' | 'rim' | 'crack' | 'hatch' | 'dots' | 'ring' | 'barred';
export type Tone = 'water' | 'pale' | 'bronze' | 'red' | 'slate' | 'stone';

export const LOOK: Readonly<Record<Fate, { readonly shape: Shape; readonly tone: Tone }>> = {
  missing: { shape: 'crack', tone: 'red' },
  double: { shape: 'crack', tone: 'red' },
  stray: { shape: 'crack', tone: 'red' },
  failed: { shape: 'broken', tone: 'red' },
  timedOut: { shape: 'broken', tone: 'red' },
  died: { shape: 'broken', tone: 'red' },
  pending: { shape: 'rim', tone: 'bronze' },
  running: { shape: 'half', tone: 'bronze' },
  waiting: { shape: 'half', tone: 'bronze' },
  skipped: { shape: 'hollow', tone: 'slate' },
  cancelled: { shape: 'barred', tone: 'slate' },
  coalesced: { shape: 'tail', tone: 'water' },
  succeeded: { shape: 'drop', tone: 'water' },
  future: { shape: 'ring', tone: 'pale' },
  disabled: { shape: 'hatch', tone: 'stone' },
  deleted: { shape: 'hatch', tone: 'stone' },
  notYetCreated: { shape: 'hatch', tone: 'stone' },
  forgotten: { shape: 'dots', tone: 'stone' },
};

/** Words that a newcomer reads: `one` in a legend and for one instant, `many` after a number. */
export const WORDS: Readonly<Record<Fate, { readonly one: string; readonly many: string; readonly means: string }>> = {
  missing: { one: 'missing', many: 'missing', means: 'it was due, and nothing was decided' },
  double: { one: 'decided twice', many: 'decided twice', means: 'it was due once, and decided twice' },
  stray: { one: 'not due', many: 'not due', means: 'decided, though it was not due' },
  failed: { one: 'failed', many: 'failed', means: 'its run ended with an error' },
  timedOut: { one: 'timed out', many: 'timed out', means: 'its run took longer than its limit' },
  died: { one: 'died', many: 'died', means: 'its worker was lost too often' },
  pending: { one: 'undecided', many: 'undecided', means: 'it is due, and not decided yet' },
  running: { one: 'running', many: 'running', means: 'its run goes on now' },
  waiting: { one: 'waiting', many: 'waiting', means: 'its run is not started yet' },
  skipped: { one: 'skipped', many: 'skipped', means: 'decided not to run, for a reason' },
  cancelled: { one: 'cancelled', many: 'cancelled', means: 'its run was stopped by someone' },
  coalesced: { one: 'merged', many: 'merged', means: 'another run stands for it' },
  succeeded: { one: 'succeeded', many: 'succeeded', means: 'its run did what it should' },
  future: { one: 'to come', many: 'to come', means: 'it will be due' },
  disabled: { one: 'disabled', many: 'while disabled', means: 'the job was switched off' },
  deleted: { one: 'deleted', many: 'after deletion', means: 'the job was deleted' },
  notYetCreated: { one: 'before it existed', many: 'before it existed', means: 'the job was not there yet' },
  forgotten: { one: 'no longer kept', many: 'no longer kept', means: 'older than what is kept' },
};

const KNOWN: ReadonlySet<string> = new Set(FATES);
export const isFate = (word: string): word is Fate => KNOWN.has(word);

/** Counted in bins beside what became of their instants: promises that were broken. */
export const brokenIn = (counts: Counts | null): number => counts?.['broken'] ?? 0;

/** The fate that a bin is drawn as; null if it is empty. A fate of a newer API than this page counts as skipped. */
export function worstOf(counts: Counts | null): Fate | null {
  if (counts === null) return null;
  const found = FATES.find((fate) => (counts[fate] ?? 0) > 0);
  if (found !== undefined) return found;
  return totalOf(counts) > 0 ? 'skipped' : null;
}

export function totalOf(counts: Counts | null): number {
  if (counts === null) return 0;
  return Object.values(counts).reduce((sum, count) => sum + count, 0) - brokenIn(counts);
}

/** Run-length list → one entry a bin. */
export function unrolled(cells: Cells): (Counts | null)[] {
  return cells.flatMap(([times, counts]) => Array.from({ length: times }, () => counts));
}

export function summed(bins: Iterable<Counts | null>): Counts {
  const sum: Record<string, number> = {};
  for (const counts of bins) {
    for (const [fate, count] of Object.entries(counts ?? {})) sum[fate] = (sum[fate] ?? 0) + count;
  }
  return sum;
}

const FIRED: readonly Fate[] = ['succeeded', 'failed', 'timedOut', 'died', 'cancelled', 'running', 'waiting'];
const QUIET: ReadonlySet<string> = new Set(['future', 'disabled', 'deleted', 'notYetCreated', 'forgotten']);
const BESIDE: ReadonlySet<string> = new Set(['double', 'stray', 'broken']); // counted beside what they are about

export interface Tally {
  readonly due: number; // that were to be decided: all but what is to come, or could not be
  readonly fired: number;
  readonly counts: Counts;
}

export function tallied(counts: Counts): Tally {
  const due = Object.entries(counts).reduce(
    (sum, [fate, count]) => (QUIET.has(fate) || BESIDE.has(fate) ? sum : sum + count),
    0,
  );
  const fired = FIRED.reduce((sum, fate) => sum + (counts[fate] ?? 0), 0);
  return { due, fired, counts };
}

const grouped = new Intl.NumberFormat('en-GB');
export const number = (value: number): string => grouped.format(value).replaceAll(',', '\u202f');

/** `720 scheduled times: 716 fired, 3 skipped, 1 merged, none missing`. What is not there is left out, but for what is missing. */
export function sentence(counts: Counts): string {
  const { due, fired } = tallied(counts);
  const told: string[] = [];
  const tell = (fate: Fate): void => {
    const count = counts[fate] ?? 0;
    if (count > 0) told.push(`${number(count)} ${WORDS[fate].many}`);
  };
  if (due > 0) {
    const bad = (counts['failed'] ?? 0) + (counts['timedOut'] ?? 0) + (counts['died'] ?? 0);
    told.push(`${number(fired)} fired${bad > 0 ? ` (${number(bad)} failed)` : ''}`);
    (['skipped', 'coalesced', 'pending'] as const).forEach(tell);
    told.push((counts['missing'] ?? 0) > 0 ? `${number(counts['missing'] ?? 0)} missing` : 'none missing');
    (['double', 'stray'] as const).forEach(tell);
  }
  (['future', 'disabled', 'deleted', 'notYetCreated', 'forgotten'] as const).forEach(tell);
  if (brokenIn(counts) > 0) told.push(`promise broken ${number(brokenIn(counts))}×`);
  if (told.length === 0) return 'No scheduled times';
  return due > 0 ? `${number(due)} ${due === 1 ? 'scheduled time' : 'scheduled times'}: ${told.join(', ')}` : told.join(', ');
}
