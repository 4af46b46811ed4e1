// Attempts and steps as bars in time. Pure.

import type { Attempt, Step } from './types';

export interface Bar {
  readonly step: Step;
  readonly from: number; // of the attempt, 0 to 1
  readonly to: number;
  readonly after: number; // ms from the beginning of the attempt
  readonly ms: number;
}

/** The steps of an attempt on its own axis; `now` is where what goes on is drawn to. */
export function barsOf(attempt: Attempt, steps: readonly Step[], now: number): Bar[] {
  const mine = steps.filter((step) => step.attempt === attempt.number).toSorted((a, b) => a.number - b.number);
  const start = Math.min(Date.parse(attempt.startedAt), ...mine.map((step) => Date.parse(step.startedAt)));
  const ends = [attempt.finishedAt, ...mine.map((step) => step.finishedAt)].flatMap((at) => (at === null ? [] : [Date.parse(at)]));
  const end = Math.max(start + 1, ...ends, attempt.finishedAt === null ? now : 0);
  return mine.map((step) => {
    const from = Date.parse(step.startedAt);
    const to = Math.max(from, step.finishedAt === null ? (attempt.finishedAt === null ? now : end) : Date.parse(step.finishedAt));
    return { step, from: (from - start) / (end - start), to: (to - start) / (end - start), after: from - start, ms: to - from };
  });
}

export interface Stretch {
  readonly attempt: Attempt;
  readonly from: number; // of the run, 0 to 1
  readonly to: number;
  readonly ms: number;
  /** How long nobody worked before it. */
  readonly gap: number;
}

/** The attempts on the axis of the run. */
export function stretchesOf(attempts: readonly Attempt[], now: number): Stretch[] {
  const start = Date.parse(attempts[0]?.startedAt ?? '') || 0;
  const endOf = (one: Attempt): number => Math.max(Date.parse(one.startedAt), one.finishedAt === null ? now : Date.parse(one.finishedAt));
  const end = Math.max(start + 1, ...attempts.map(endOf));
  return attempts.map((attempt, n) => {
    const before = attempts[n - 1];
    const [from, to] = [Date.parse(attempt.startedAt), endOf(attempt)];
    return {
      attempt,
      from: (from - start) / (end - start),
      to: (to - start) / (end - start),
      ms: to - from,
      gap: before === undefined ? 0 : Math.max(0, from - endOf(before)),
    };
  });
}
