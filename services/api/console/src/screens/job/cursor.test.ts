import fc from 'fast-check';
import { expect, it } from 'vitest';
import { cellAt, moved, nextFilled } from './cursor';
import type { Bin } from '../../lib/strip';
import type { Row } from './channel';

const bin = (from: number, filled: boolean): Bin => ({ from, to: from + 1, counts: filled ? { succeeded: 1 } : null });
const ROWS = [
  [bin(0, false), bin(1, true), bin(2, false)],
  [bin(3, false), bin(4, false)],
  [bin(5, true), bin(6, false), bin(7, true)],
];
const PLAN = ROWS.map((row) => ({ from: row[0]?.from ?? 0, to: row.at(-1)?.to ?? 0 }) as Row);

it('keys lead from cell to cell, over the ends of rows', () => {
  expect(moved(ROWS, { row: 0, column: 2 }, 'ArrowRight', false)).toEqual({ row: 1, column: 0 });
  expect(moved(ROWS, { row: 1, column: 0 }, 'ArrowLeft', false)).toEqual({ row: 0, column: 2 });
  expect(moved(ROWS, { row: 0, column: 2 }, 'ArrowDown', false)).toEqual({ row: 1, column: 1 });
  expect(moved(ROWS, { row: 0, column: 0 }, 'End', true)).toEqual({ row: 2, column: 2 });
  expect(moved(ROWS, { row: 2, column: 1 }, 'Home', false)).toEqual({ row: 2, column: 0 });
  expect(moved(ROWS, { row: 0, column: 0 }, 'q', false)).toBeNull();
});

it('brackets lead from instant to instant, over empty rows', () => {
  expect(nextFilled(ROWS, { row: 0, column: 1 }, 1)).toEqual({ row: 2, column: 0 });
  expect(nextFilled(ROWS, { row: 2, column: 0 }, -1)).toEqual({ row: 0, column: 1 });
  expect(nextFilled(ROWS, { row: 2, column: 2 }, 1)).toEqual({ row: 2, column: 2 });
});

it('no key leads out of the channel', () => {
  const keys = ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown', 'Home', 'End', '[', ']'];
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom(...keys), fc.boolean())), (pressed) => {
      let cell = { row: 1, column: 0 };
      for (const [key, far] of pressed) {
        cell = moved(ROWS, cell, key, far) ?? cell;
        expect(ROWS[cell.row]?.[cell.column]).toBeDefined();
      }
    }),
  );
});

it('the keyboard starts where it is told', () => {
  expect(cellAt(ROWS, PLAN, 4.5)).toEqual({ row: 1, column: 1 });
  expect(cellAt(ROWS, PLAN, 99)).toEqual({ row: 2, column: 0 });
  expect(cellAt([], [], 0)).toBeNull();
});
