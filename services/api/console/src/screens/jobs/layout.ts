// The order of the list: what stands on which line. Lines have one of a few heights, so that a window over ten thousand
// of them is arithmetic.

import type { JobRow } from '../../lib/jobs';
import { byTrouble } from './standing';
import type { Standing } from './standing';

export const SORTS = ['trouble', 'next', 'name', 'changed'] as const;
export type Sort = (typeof SORTS)[number];

export type Line =
  | { readonly kind: 'pinned'; readonly key: string; readonly jobs: readonly JobRow[] }
  | {
      readonly kind: 'group';
      readonly key: string;
      readonly group: string;
      /** Those of the group that fit, pinned ones among them. */
      readonly jobs: readonly JobRow[];
      readonly folded: boolean;
      /** How many of them are pinned, and stand above. */
      readonly above: number;
    }
  | {
      readonly kind: 'job';
      readonly key: string;
      readonly row: JobRow;
      /** Shown with its group, because it does not stand under it. */
      readonly alone: boolean;
      /** Shown with what is wrong, on a second line. */
      readonly told: boolean;
    };

export interface Asked {
  readonly sort: Sort;
  readonly isFolded: (group: string) => boolean;
}

export function linesOf(
  fitting: readonly JobRow[],
  standings: ReadonlyMap<string, Standing>,
  { sort, isFolded }: Asked,
): Line[] {
  if (sort === 'next' || sort === 'changed') {
    const value = (row: JobRow): string => (sort === 'next' ? (row.nextFireAt ?? '~') : row.updatedAt);
    const sign = sort === 'next' ? 1 : -1;
    const rows = [...fitting].sort((a, b) => {
      const [one, other] = [value(a), value(b)];
      return one === other ? 0 : one < other ? -sign : sign;
    });
    return rows.map((row) => ({ kind: 'job', key: row.id, row, alone: true, told: false }));
  }
  const lines: Line[] = [];
  if (sort === 'trouble') {
    const stands = (row: JobRow): Standing | undefined => standings.get(row.id);
    const bad = fitting
      .flatMap((row) => {
        const standing = stands(row);
        return standing?.trouble == null ? [] : [{ row, standing }];
      })
      .sort((a, b) => byTrouble(a.standing, b.standing));
    if (bad.length > 0) lines.push({ kind: 'pinned', key: '!', jobs: bad.map(({ row }) => row) });
    for (const { row } of bad) lines.push({ kind: 'job', key: row.id, row, alone: true, told: true });
  }
  const pinned = new Set(lines.map((line) => line.key));
  for (const jobs of grouped(fitting)) {
    const group = jobs[0]?.group ?? '';
    const folded = isFolded(group);
    const above = jobs.filter((row) => pinned.has(row.id)).length;
    lines.push({ kind: 'group', key: `/${group}`, group, jobs, folded, above });
    if (folded) continue;
    for (const row of jobs) {
      if (!pinned.has(row.id)) lines.push({ kind: 'job', key: row.id, row, alone: false, told: false });
    }
  }
  return lines;
}

/** Runs of the same group: the index is in the order of groups. */
function grouped(rows: readonly JobRow[]): JobRow[][] {
  const groups = new Map<string, JobRow[]>();
  for (const row of rows) {
    const there = groups.get(row.group);
    if (there === undefined) groups.set(row.group, [row]);
    else there.push(row);
  }
  return [...groups.values()];
}

export interface Held {
  readonly lines: readonly Line[];
  /** How many jobs would stand elsewhere by now, or have come. */
  readonly moved: number;
}

/**
 * The lines as they were, with what is known now: what is being read is not pushed away. Jobs that are gone leave.
 * `before` is what is shown, `now` what would be shown.
 */
export function heldBack(before: readonly Line[], now: readonly Line[]): Held {
  const lines = new Map(now.map((line) => [line.key, line]));
  const held: Line[] = [];
  for (const line of before) {
    const fresh = lines.get(line.key);
    if (fresh === undefined) {
      if (line.kind === 'pinned') held.push(line);
    } else if (fresh.kind === 'job' && line.kind === 'job') held.push({ ...line, row: fresh.row });
    else held.push(fresh);
  }
  const jobsOf = (some: readonly Line[]): string[] => some.filter((line) => line.kind === 'job').map((line) => line.key);
  const [shown, wanted] = [jobsOf(held), jobsOf(now)];
  const kept = new Set(shown);
  const came = wanted.filter((key) => !kept.has(key)).length;
  const places = new Map(wanted.filter((key) => kept.has(key)).map((key, n) => [key, n]));
  // Those that must be taken out so that the rest stands in the new order.
  return { lines: held, moved: came + shown.length - risingMost(shown.map((key) => places.get(key) ?? 0)) };
}

/** The length of the longest rising part, in order but not in a row. */
function risingMost(values: readonly number[]): number {
  const ends: number[] = []; // the least end of a rising part of each length
  for (const value of values) {
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((ends[middle] ?? 0) < value) low = middle + 1;
      else high = middle;
    }
    ends[low] = value;
  }
  return ends.length;
}

/** Where each line begins, and where the last ends: one more than lines. */
export function offsetsOf(heights: readonly number[]): Float64Array {
  const offsets = new Float64Array(heights.length + 1);
  heights.forEach((height, n) => {
    offsets[n + 1] = (offsets[n] ?? 0) + height;
  });
  return offsets;
}

/** The line at a height: the last that begins at it or above. */
export function lineAt(offsets: Float64Array, y: number): number {
  let [low, high] = [0, Math.max(0, offsets.length - 2)];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((offsets[middle] ?? 0) <= y) low = middle;
    else high = middle - 1;
  }
  return low;
}

export interface Window {
  readonly first: number;
  readonly last: number; // exclusive
}

/** The lines between two heights, with a few more on both sides; `least` of them, as far as there are. */
export function windowOf(offsets: Float64Array, top: number, bottom: number, over = 3, least = 0): Window {
  const count = offsets.length - 1;
  if (count <= 0 || bottom <= top) return { first: 0, last: Math.min(count, Math.max(over, least)) };
  const first = Math.max(0, lineAt(offsets, top) - over);
  const last = Math.min(count, Math.max(lineAt(offsets, bottom) + 1 + over, first + least));
  return { first: Math.max(0, Math.min(first, last - least)), last };
}
