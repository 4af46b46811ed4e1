// Moving through the cells of the channel by keys: by cell, by row, and from one instant to the next. Pure.

import { totalOf } from '../../lib/fates';
import type { Bin } from '../../lib/strip';
import type { Row } from './channel';

export interface Cell {
  readonly row: number;
  readonly column: number;
}

type Rows = readonly (readonly Bin[])[];

/** Where a key leads; null if the key is none of these. `far` (Ctrl): to the next instant, to the first or last cell. */
export function moved(rows: Rows, from: Cell, key: string, far: boolean): Cell | null {
  const last = rows.length - 1;
  const end = (row: number): number => Math.max(0, (rows[row]?.length ?? 1) - 1);
  const { row, column } = from;
  switch (key) {
    case 'ArrowRight':
      if (far) return nextFilled(rows, from, 1);
      return column < end(row) ? { row, column: column + 1 } : row < last ? { row: row + 1, column: 0 } : from;
    case 'ArrowLeft':
      if (far) return nextFilled(rows, from, -1);
      return column > 0 ? { row, column: column - 1 } : row > 0 ? { row: row - 1, column: end(row - 1) } : from;
    case 'ArrowDown':
      return row < last ? { row: row + 1, column: Math.min(column, end(row + 1)) } : from;
    case 'ArrowUp':
      return row > 0 ? { row: row - 1, column: Math.min(column, end(row - 1)) } : from;
    case 'Home':
      return far ? { row: 0, column: 0 } : { row, column: 0 };
    case 'End':
      return far ? { row: last, column: end(last) } : { row, column: end(row) };
    case ']':
      return nextFilled(rows, from, 1);
    case '[':
      return nextFilled(rows, from, -1);
    default:
      return null;
  }
}

/** The next cell that holds an instant; the same cell if there is none. */
export function nextFilled(rows: Rows, from: Cell, step: 1 | -1): Cell {
  let { row, column } = from;
  for (;;) {
    column += step;
    if (column < 0 || column >= (rows[row]?.length ?? 0)) {
      row += step;
      if (row < 0 || row >= rows.length) return from;
      column = step === 1 ? -1 : (rows[row]?.length ?? 0);
      continue;
    }
    if (totalOf(rows[row]?.[column]?.counts ?? null) > 0) return { row, column };
  }
}

/** The cell of a moment; the last row's first, if it lies in none. */
export function cellAt(rows: Rows, plan: readonly Row[], moment: number): Cell | null {
  if (rows.length === 0) return null;
  const row = plan.findIndex((one) => one.from <= moment && moment < one.to);
  if (row === -1) return { row: rows.length - 1, column: 0 };
  const column = rows[row]?.findIndex((bin) => moment < bin.to) ?? 0;
  return { row, column: Math.max(0, column) };
}
