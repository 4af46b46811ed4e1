// Which time the strips of the list show: some bins past, the one of now, and a few to come.

export const SPANS = ['day', 'week', 'month'] as const;
export type Span = (typeof SPANS)[number];

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const SHAPE: Readonly<Record<Span, { readonly step: number; readonly past: number }>> = {
  day: { step: 30 * MINUTE, past: 48 },
  week: { step: 3 * HOUR, past: 56 },
  month: { step: 12 * HOUR, past: 60 },
};
const AHEAD = 4; // bins

export interface Range {
  readonly from: number;
  readonly to: number;
  readonly bins: number;
}

/** The range of a span at `now`; its bins stay where they are until the next begins. */
export function rangeOf(span: Span, now: number): Range {
  const { step, past } = SHAPE[span];
  const begun = Math.floor(now / step) * step;
  return { from: begun - (past - 1) * step, to: begun + (AHEAD + 1) * step, bins: past + AHEAD };
}

/** Where now lies in a range, from 0 to 1. */
export const placeOf = ({ from, to }: Range, now: number): number => Math.min(1, Math.max(0, (now - from) / (to - from)));
