// The difference of two lists of lines by their masks: what comes before the first difference is counted, not shown.

import { masked } from './mask';

export interface DiffRow {
  readonly kind: 'same' | 'here' | 'there';
  readonly here: number | null; // index in the first list
  readonly there: number | null;
}

export interface Diff {
  /** How many lines at the beginning say the same in both. */
  readonly before: number;
  readonly rows: readonly DiffRow[];
  /** Lines of each after what was compared. */
  readonly leftHere: number;
  readonly leftThere: number;
}

/** Lines of each that are compared from the first difference on: the table has the square of it. */
export const COMPARED = 1000;

export function diffOf(here: readonly string[], there: readonly string[], most = COMPARED): Diff {
  const [a, b] = [here.map(masked), there.map(masked)];
  let before = 0;
  while (before < a.length && before < b.length && a[before] === b[before]) before += 1;
  const left = a.slice(before, before + most);
  const right = b.slice(before, before + most);
  const rows = longest(left, right).map(({ kind, here: n, there: m }) => ({
    kind,
    here: n === null ? null : n + before,
    there: m === null ? null : m + before,
  }));
  return {
    before,
    rows: before === a.length && before === b.length ? [] : rows,
    leftHere: Math.max(0, a.length - before - most),
    leftThere: Math.max(0, b.length - before - most),
  };
}

/** By the longest common subsequence; in a change, what is in `there` comes first, as in a patch. */
function longest(left: readonly string[], right: readonly string[]): DiffRow[] {
  const wide = right.length + 1;
  const lengths = new Uint16Array((left.length + 1) * wide);
  for (let n = left.length - 1; n >= 0; n -= 1) {
    for (let m = right.length - 1; m >= 0; m -= 1) {
      lengths[n * wide + m] =
        left[n] === right[m]
          ? (lengths[(n + 1) * wide + m + 1] ?? 0) + 1
          : Math.max(lengths[(n + 1) * wide + m] ?? 0, lengths[n * wide + m + 1] ?? 0);
    }
  }
  const rows: DiffRow[] = [];
  let [n, m] = [0, 0];
  while (n < left.length || m < right.length) {
    if (n < left.length && m < right.length && left[n] === right[m]) {
      rows.push({ kind: 'same', here: n, there: m });
      n += 1;
      m += 1;
    } else if (n === left.length || (m < right.length && (lengths[n * wide + m + 1] ?? 0) >= (lengths[(n + 1) * wide + m] ?? 0))) {
      rows.push({ kind: 'there', here: null, there: m });
      m += 1;
    } else {
      rows.push({ kind: 'here', here: n, there: null });
      n += 1;
    }
  }
  return rows;
}

export type Folded =
  | { readonly rows: readonly DiffRow[] }
  | { readonly same: number }
  /** Lines of one side that say the same as the one before them. */
  | { readonly alike: number; readonly kind: 'here' | 'there' };

/** Long stretches become a number: what is the same in both, and what one side says again and again (by `maskOf`). */
export function folded(rows: readonly DiffRow[], maskOf: (row: DiffRow) => string, around = 2): Folded[] {
  const parts: Folded[] = [];
  const take = (from: number, to: number): void => {
    if (to > from) parts.push({ rows: rows.slice(from, to) });
  };
  for (let at = 0; at < rows.length; ) {
    const row = rows[at];
    if (row === undefined) break;
    const { kind } = row;
    let end = at + 1;
    if (kind === 'same') {
      while (rows[end]?.kind === 'same') end += 1;
      const [head, tail] = [at === 0 ? 0 : around, end === rows.length ? 0 : around];
      const hidden = end - at - head - tail;
      if (hidden > 1) {
        take(at, at + head);
        parts.push({ same: hidden });
        take(end - tail, end);
      } else take(at, end);
    } else {
      const mask = maskOf(row);
      for (let next = rows[end]; next?.kind === kind && maskOf(next) === mask; next = rows[end]) end += 1;
      if (end - at > 3) {
        take(at, at + 1);
        parts.push({ alike: end - at - 1, kind });
      } else take(at, end);
    }
    at = end;
  }
  return parts;
}

export interface Change {
  readonly path: string;
  readonly here: string | null; // as JSON; null: it is not there
  readonly there: string | null;
}

/** The members that differ, deep, in order of their paths. Lists are compared whole. */
export function changes(here: unknown, there: unknown, path = ''): Change[] {
  if (isObject(here) && isObject(there)) {
    const names = [...new Set([...Object.keys(here), ...Object.keys(there)])].sort();
    return names.flatMap((name) => changes(here[name], there[name], path === '' ? name : `${path}.${name}`));
  }
  const [one, other] = [written(here), written(there)];
  return one === other ? [] : [{ path, here: one, there: other }];
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function written(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(sorted(value));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((name) => [name, sorted(value[name])]),
  );
}
