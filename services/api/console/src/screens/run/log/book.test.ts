import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Level } from '../types';
import { BLOCK, Book, View, fitting, foldedIn, hashOf, spanOf } from './book';
import type { Filter, Line } from './book';

const line = (number: number, more: Partial<Line> = {}): Line => ({
  number,
  at: 0,
  attempt: 1,
  step: null,
  level: 'info',
  text: `line ${number}`,
  ...more,
});
const many = (from: number, to: number): Line[] => Array.from({ length: to - from + 1 }, (_, n) => line(from + n));
const ALL: Filter = { attempt: null, step: null, levels: new Set() };

describe('a book', () => {
  it('knows what it lacks', () => {
    const book = new Book();
    book.bounds(11, 500);
    book.put(many(401, 500));
    expect(book.count).toBe(490);
    expect(book.missing(420, 500)).toBeNull();
    expect(book.missing(390, 500)).toBe(390);
    expect(book.missing(1, 20)).toBe(11);
    book.put(many(1, 400));
    expect(book.isWhole()).toBe(true);
    expect(book.get(10)).toBeUndefined();
  });

  it('finds text whatever its case, without colours', () => {
    const book = new Book();
    expect(book.has(line(1, { text: 'Dis\x1b[31mK\x1b[0m full' }), 'disk')).toBe(true);
  });
});

describe('a view', () => {
  it('keeps the blocks that did not change', () => {
    const book = new Book();
    book.put(many(1, 2.5 * BLOCK));
    const view = new View(book);
    const before = [0, 1, 2].map((at) => view.block(at));
    const more = many(2.5 * BLOCK + 1, 2.5 * BLOCK + 10);
    book.put(more);
    view.append(more.map((one) => one.number));
    expect(view.block(0)).toBe(before[0]);
    expect(view.block(1)).toBe(before[1]);
    expect(view.block(2)).toHaveLength(BLOCK / 2 + 10);
    expect(view.block(2).slice(0, BLOCK / 2)).toEqual(before[2]);
    for (const [n, row] of (before[2] ?? []).entries()) expect(view.block(2)[n]).toBe(row);
  });

  it('is the same after a filter that all lines fit', () => {
    const book = new Book();
    book.put(many(1, 3 * BLOCK));
    const view = new View(book);
    const before = view.block(1);
    view.only(many(1, 3 * BLOCK).map((one) => one.number));
    expect(view.block(1)).toBe(before);
    view.only([3, 4]);
    expect(view.block(0).map((row) => row.number)).toEqual([3, 4]);
    view.all();
    expect(view.block(0)).toHaveLength(BLOCK);
  });

  it('has rows of lines that were not read yet', () => {
    const book = new Book();
    book.bounds(1, 1000);
    const view = new View(book);
    expect(view.blocks).toBe(1000 / BLOCK);
    const first = 3 * BLOCK + 1;
    expect(view.block(3)[0]).toMatchObject({ number: first, line: null });
    book.put([line(first)]);
    view.touched([first]);
    expect(view.block(3)[0]?.line?.text).toBe(`line ${first}`);
  });

  it('finds each row that it holds', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 90 }), (given) => {
        const numbers = given.toSorted((a, b) => a - b);
        const book = new Book();
        book.put(many(1, 400));
        const view = new View(book);
        view.only(numbers);
        for (const [index, number] of numbers.entries()) {
          expect(view.indexOf(number)).toBe(index);
          expect(view.holds(number)).toBe(true);
        }
        expect(view.holds(401)).toBe(false);
      }),
    );
  });

  it('heads attempts and steps', () => {
    const book = new Book();
    book.put([line(1, { step: 1 }), line(2, { step: 1 }), line(3, { step: 2 }), line(4, { attempt: 2, step: 2 })]);
    expect(new View(book).block(0).map((row) => row.head)).toEqual(['attempt', null, 'step', 'attempt']);
  });
});

describe('what fits', () => {
  const levels: Level[] = ['debug', 'info', 'warning', 'error'];
  const anyLine = fc.record({
    attempt: fc.integer({ min: 1, max: 2 }),
    step: fc.option(fc.integer({ min: 1, max: 3 })),
    level: fc.constantFrom(...levels),
  });

  it('counts each fitting line once, as a row or folded', () => {
    fc.assert(
      fc.property(fc.array(anyLine, { maxLength: 60 }), fc.subarray(['1.1', '1.2', '2.', '2.3']), fc.subarray(levels), (given, folded, wanted) => {
        const book = new Book();
        book.put(given.map((one, n) => line(n + 1, one)));
        const filter = { ...ALL, levels: new Set(wanted) };
        const { numbers, folds } = fitting(book, filter, new Set(folded));
        const shown = numbers.length + [...folds.values()].reduce((sum, count) => sum + count - 1, 0);
        expect(shown).toBe(given.filter((one) => wanted.length === 0 || wanted.includes(one.level)).length);
      }),
    );
  });
});

it('links to lines and reads them back', () => {
  expect(spanOf('#L1204')).toEqual({ from: 1204, to: 1204 });
  expect(spanOf('#L1210-1204')).toEqual({ from: 1204, to: 1210 });
  for (const bad of ['', '#L0', '#L', '#L1-', '#Lx', '#L1e3', '#L99999999999999999']) expect(spanOf(bad)).toBeNull();
  expect(hashOf({ from: 3, to: 9 })).toBe('#L3-9');
  expect(hashOf({ from: 3, to: 3 })).toBe('#L3');
});

describe('a long log with steps folded', () => {
  const together = new Map([
    ['1.1', { from: 1, to: 9000 }],
    ['1.2', { from: 9001, to: 12_000 }],
  ]);

  it('has one row for a step, though its lines were not read', () => {
    const book = new Book();
    book.bounds(1, 12_000);
    const { numbers, folds } = foldedIn(book, together, new Set(['1.1']));
    expect(numbers).toHaveLength(3001);
    expect(numbers.slice(0, 3)).toEqual([1, 9001, 9002]);
    expect(folds).toEqual(new Map([[1, 9000]]));
  });

  it('takes in what the step writes on, and ends it with the next', () => {
    const book = new Book();
    book.bounds(1, 12_000);
    book.put([line(12_001, { step: 2 }), line(12_002, { step: 2 }), line(12_003, { step: 3 })]);
    const { numbers, folds } = foldedIn(book, together, new Set(['1.2']));
    expect(numbers.at(-2)).toBe(9001);
    expect(numbers.at(-1)).toBe(12_003);
    expect(folds.get(9001)).toBe(3002);
  });

  it('begins with the first line that was not deleted', () => {
    const book = new Book();
    book.bounds(5001, 12_000);
    expect(foldedIn(book, together, new Set(['1.1'])).folds).toEqual(new Map([[5001, 4000]]));
    expect(foldedIn(book, together, new Set()).numbers).toHaveLength(7000);
  });
});
