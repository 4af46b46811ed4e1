// Two runs side by side: what each needed where, and what stands out. Pure.

import type { Run, Step } from '../types';

export interface Pair {
  readonly name: string;
  readonly here: number | null; // ms; null: it was not there
  readonly there: number | null;
  readonly statusHere: Step['status'] | null;
  readonly statusThere: Step['status'] | null;
}

const lengthOf = (from: string | null, to: string | null): number | null =>
  from === null || to === null ? null : Math.max(0, Date.parse(to) - Date.parse(from));

/** The steps of the last attempts, paired by name; of equal names, the first with the first. */
export function pairsOf(here: Run, there: Run): Pair[] {
  const [mine, theirs] = [lastSteps(here), lastSteps(there)];
  const left = new Map<string, Step[]>();
  for (const step of theirs) left.set(step.name, [...(left.get(step.name) ?? []), step]);
  const pairs: Pair[] = mine.map((step) => {
    const other = left.get(step.name)?.shift() ?? null;
    return pairOf(step.name, step, other, here);
  });
  // What only the other has stands where it stood there: after the step before it.
  for (const [at, step] of theirs.entries()) {
    if (left.get(step.name)?.includes(step) !== true) continue;
    const before = theirs[at - 1];
    const place = before === undefined ? 0 : pairs.findLastIndex((pair) => pair.name === before.name) + 1;
    pairs.splice(place === 0 && before !== undefined ? pairs.length : place, 0, pairOf(step.name, null, step, here));
  }
  return pairs;
}

function pairOf(name: string, here: Step | null, there: Step | null, run: Run): Pair {
  return {
    name,
    // A step that its attempt ended without a word lasted until then.
    here: here === null ? null : lengthOf(here.startedAt, here.finishedAt ?? run.finishedAt),
    there: there === null ? null : lengthOf(there.startedAt, there.finishedAt),
    statusHere: here?.status ?? null,
    statusThere: there?.status ?? null,
  };
}

function lastSteps(run: Run): Step[] {
  return run.steps.filter((step) => step.attempt === run.attempt).toSorted((a, b) => a.number - b.number);
}

export interface Lengths {
  readonly late: number | null; // from its time to its start
  readonly waited: number | null; // for a worker
  readonly ran: number | null;
}

export function lengthsOf(run: Run): Lengths {
  const ready = run.readyAt !== null && run.startedAt !== null && run.readyAt <= run.startedAt ? run.readyAt : run.requestedAt;
  return {
    late: lengthOf(run.nominalAt, run.startedAt),
    waited: lengthOf(ready, run.startedAt),
    ran: run.durationMs ?? lengthOf(run.startedAt, run.finishedAt),
  };
}

/** What the reader should know first: the step that failed, the step with most of the difference. */
export function standout(pairs: readonly Pair[]): { failed: Pair | null; most: { pair: Pair; more: number } | null; absent: number } {
  const failed = pairs.find((pair) => pair.statusHere === 'failed' && pair.statusThere === 'succeeded') ?? null;
  const both = pairs.flatMap((pair) => (pair.here === null || pair.there === null ? [] : [{ pair, more: pair.here - pair.there }]));
  const total = both.reduce((sum, one) => sum + Math.abs(one.more), 0);
  const most = both.toSorted((a, b) => Math.abs(b.more) - Math.abs(a.more))[0] ?? null;
  const counts = most !== null && Math.abs(most.more) >= 1000 && Math.abs(most.more) > total / 2;
  return { failed, most: counts ? most : null, absent: pairs.filter((pair) => pair.here === null).length };
}
