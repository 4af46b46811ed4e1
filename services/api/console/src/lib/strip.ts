// How bins of instants become something to look at: pure geometry, painted elsewhere.

import { FATES, worstOf } from './fates';
import type { Fate } from './fates';
import type { Cells, Counts, Strip, Strips } from './types';

/** A bin of a strip with its place in time. */
export interface Bin {
  readonly from: number;
  readonly to: number; // exclusive
  readonly counts: Counts | null;
}

/** The bins of one job of an answer: equal widths, or the calendar's edges where the answer has them. */
export function binsOf(answer: Strips, strip: Strip): Bin[] {
  const from = Date.parse(answer.from);
  const to = Date.parse(answer.to);
  const edges = answer.edges?.map((edge) => Date.parse(edge)) ?? null;
  const length = strip.cells.reduce((sum, [times]) => sum + times, 0);
  const edgeAt = (n: number): number => edges?.[n] ?? Math.round(from + ((to - from) * n) / Math.max(1, length));
  const bins: Bin[] = [];
  for (const [times, counts] of strip.cells) {
    for (let n = 0; n < times; n += 1) {
      bins.push({ from: edgeAt(bins.length), to: edgeAt(bins.length + 1), counts });
    }
  }
  return bins;
}

/** A part of a bar: from `bottom` up to `top`, both from 0 (bottom) to 1. */
export interface Layer {
  readonly fate: Fate;
  readonly bottom: number;
  readonly top: number;
}

/**
 * A bin of many as a bar, split by fate, the worst on top. What is there can be seen: each part is at least `least` high,
 * at the cost of the largest.
 */
export function layersOf(counts: Counts | null, least = 0.16): Layer[] {
  if (counts === null) return [];
  const present = FATES.filter((fate) => (counts[fate] ?? 0) > 0);
  const total = present.reduce((sum, fate) => sum + (counts[fate] ?? 0), 0);
  if (total === 0) return [];
  const floor = Math.min(least, 1 / present.length);
  const shares = present.map((fate) => Math.max(floor, (counts[fate] ?? 0) / total));
  const over = shares.reduce((sum, share) => sum + share, 0) - 1;
  // Too much is taken from those above the floor, by how far they are above.
  const spare = shares.reduce((sum, share) => sum + (share - floor), 0);
  const fitted = shares.map((share) => (spare <= 0 ? share : share - (over * (share - floor)) / spare));
  let top = 1;
  return present.map((fate, n) => {
    const layer = { fate, top, bottom: n === present.length - 1 ? 0 : top - (fitted[n] ?? 0) };
    top = layer.bottom;
    return layer;
  });
}

/** Neighbours that are drawn as one: bins in a row with the same quiet fate. */
export interface Stretch {
  readonly from: number; // index of the first bin
  readonly to: number; // after the last
  readonly fate: Fate | null;
}

const AREAS: ReadonlySet<Fate> = new Set(['disabled', 'deleted', 'notYetCreated', 'forgotten']);
export const isArea = (fate: Fate): boolean => AREAS.has(fate);

export function stretchesOf(bins: readonly (Counts | null)[]): Stretch[] {
  const stretches: Stretch[] = [];
  let from = 0;
  let before: Fate | null | undefined;
  bins.forEach((counts, n) => {
    const fate = worstOf(counts);
    const same = fate === before && (fate === null || isArea(fate));
    if (before !== undefined && !same) {
      stretches.push({ from, to: n, fate: before });
      from = n;
    }
    before = fate;
  });
  if (before !== undefined) stretches.push({ from, to: bins.length, fate: before });
  return bridged(stretches);
}

/**
 * Empty bins beside an area belong to it: a daily job was disabled at noon, too. Those between an area and something else
 * do not, for the change lies somewhere within.
 */
function bridged(stretches: readonly Stretch[]): Stretch[] {
  const areaAt = (n: number): Fate | null => {
    const fate = stretches[n]?.fate ?? null;
    return fate !== null && isArea(fate) ? fate : null;
  };
  const out: Stretch[] = [];
  stretches.forEach((one, n) => {
    const before = n === 0 ? areaAt(1) : areaAt(n - 1);
    const after = n === stretches.length - 1 ? areaAt(n - 1) : areaAt(n + 1);
    const fate = one.fate === null && before !== null && before === after ? before : one.fate;
    const last = out.at(-1);
    if (last !== undefined && fate !== null && isArea(fate) && last.fate === fate) {
      out[out.length - 1] = { from: last.from, to: one.to, fate };
    } else out.push({ ...one, fate });
  });
  return out;
}

/** Run-length cells of equal bins from a list, for what the page bins by itself. */
export function packed(bins: readonly (Counts | null)[]): Cells {
  const cells: [number, Counts | null][] = [];
  for (const counts of bins) {
    const last = cells.at(-1);
    if (last !== undefined && last[1] === null && counts === null) last[0] += 1;
    else cells.push([1, counts]);
  }
  return cells;
}
