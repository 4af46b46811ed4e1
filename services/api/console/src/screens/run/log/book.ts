// The lines of a log as far as they are known, by number; and a view on them: all, or those that fit. Pure.
//
// A log may have 100 000 lines of which a few thousand were read. Rows are cut into blocks: a block or a row that did not
// change is the same object as before, so only what changed is drawn again.

import type { Level, LogLine } from '../types';
import { lowered, plain } from './text';

export interface Line {
  readonly number: number;
  readonly at: number; // ms since 1970, by the worker's clock
  readonly attempt: number;
  readonly step: number | null;
  readonly level: Level;
  readonly text: string;
}

export function lineOf(one: LogLine): Line {
  const { number, at, attempt, step, level, text } = one;
  return { number: number ?? 0, at: Date.parse(at), attempt, step, level, text };
}

export class Book {
  readonly #lines = new Map<number, Line>();
  readonly #search = new WeakMap<Line, string>();
  #first = 1;
  #last = 0;

  /** Number of the first line that is there: earlier ones were cleared. */
  get first(): number {
    return this.#first;
  }

  /** Number of the last line that is there; less than `first` in an empty log. */
  get last(): number {
    return this.#last;
  }

  get count(): number {
    return Math.max(0, this.#last - this.#first + 1);
  }

  get known(): number {
    return this.#lines.size;
  }

  /** Say where the log begins and how far it goes at least. */
  bounds(first: number, last: number): void {
    this.#first = Math.max(1, first);
    this.#last = Math.max(this.#last, last);
  }

  put(lines: readonly Line[]): void {
    for (const line of lines) {
      if (line.number < this.#first) continue; // cleared since
      this.#lines.set(line.number, line);
      if (line.number > this.#last) this.#last = line.number;
    }
  }

  get(number: number): Line | undefined {
    return this.#lines.get(number);
  }

  isWhole(): boolean {
    return this.#lines.size >= this.count;
  }

  /** The first of these numbers that is not known; null: all are. */
  missing(from: number, to: number): number | null {
    for (let number = Math.max(from, this.#first); number <= Math.min(to, this.#last); number += 1) {
      if (!this.#lines.has(number)) return number;
    }
    return null;
  }

  /** Whether a line has the text, whatever its case. `wanted` is in small letters. */
  has(line: Line, wanted: string): boolean {
    let text = this.#search.get(line);
    if (text === undefined) {
      text = lowered(plain(line.text));
      this.#search.set(line, text);
    }
    return text.includes(wanted);
  }
}

export interface Row {
  readonly number: number;
  readonly line: Line | null; // null: not read yet
  /** It begins the lines of a step, of the attempt outside steps, or of an attempt. */
  readonly head: 'attempt' | 'step' | null;
  /** The lines of the step that are folded into this row; 0: none are. */
  readonly folded: number;
}

export const BLOCK = 50; // rows

export interface Filter {
  readonly attempt: number | null;
  readonly step: number | null;
  readonly levels: ReadonlySet<Level>; // empty: all
}

export function fits(line: Line, { attempt, step, levels }: Filter): boolean {
  if (attempt !== null && line.attempt !== attempt) return false;
  if (step !== null && line.step !== step) return false;
  return levels.size === 0 || levels.has(line.level);
}

export const stepKey = (line: Pick<Line, 'attempt' | 'step'>): string => `${line.attempt}.${line.step ?? ''}`;

export class View {
  readonly #book: Book;
  readonly #blocks = new Map<number, readonly Row[]>();
  readonly #stale = new Set<number>(); // blocks that may have changed
  #numbers: number[] | null = null; // null: all lines
  #folds = new Map<number, number>();

  constructor(book: Book) {
    this.#book = book;
  }

  get count(): number {
    return this.#numbers?.length ?? this.#book.count;
  }

  get blocks(): number {
    return Math.ceil(this.count / BLOCK);
  }

  numberAt(index: number): number {
    return this.#numbers === null ? this.#book.first + index : (this.#numbers[index] ?? 0);
  }

  /** Where a line is, or where it would be. */
  indexOf(number: number): number {
    const numbers = this.#numbers;
    if (numbers === null) return Math.min(Math.max(0, number - this.#book.first), Math.max(0, this.count - 1));
    let [low, high] = [0, numbers.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((numbers[middle] ?? 0) < number) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Whether it is a row of its own. */
  holds(number: number): boolean {
    return this.numberAt(this.indexOf(number)) === number;
  }

  /** Show all lines, those read and those not. */
  all(): void {
    this.#numbers = null;
    this.#folds = new Map();
    this.#touchAll();
  }

  /** Show these, in order. */
  only(numbers: readonly number[], folds: ReadonlyMap<number, number> = new Map()): void {
    this.#numbers = [...numbers];
    this.#folds = new Map(folds);
    this.#touchAll();
  }

  /** Lines came that were not there, at the end. */
  append(numbers: readonly number[]): void {
    if (this.#numbers === null) {
      for (const number of numbers) this.#touch(number - this.#book.first);
      return;
    }
    for (const number of numbers) {
      this.#touch(this.#numbers.length);
      this.#numbers.push(number);
    }
  }

  /** Lines were read that were not known. */
  touched(numbers: Iterable<number>): void {
    for (const number of numbers) {
      const index = this.indexOf(number);
      this.#touch(index);
      this.#touch(index + 1); // whether that one is a head depends on this one
    }
  }

  #touch(index: number): void {
    this.#stale.add(Math.floor(index / BLOCK));
  }

  #touchAll(): void {
    for (const at of this.#blocks.keys()) this.#stale.add(at);
  }

  block(at: number): readonly Row[] {
    const before = this.#blocks.get(at);
    if (before !== undefined && !this.#stale.has(at)) return before;
    const [from, to] = [at * BLOCK, Math.min((at + 1) * BLOCK, this.count)];
    const rows = Array.from({ length: Math.max(0, to - from) }, (_, n) => kept(before?.[n], this.#row(from + n)));
    this.#stale.delete(at);
    if (before?.length === rows.length && rows.every((row, n) => row === before[n])) return before;
    this.#blocks.set(at, rows);
    return rows;
  }

  #row(index: number): Row {
    const number = this.numberAt(index);
    const line = this.#book.get(number) ?? null;
    const before = index === 0 ? undefined : this.#book.get(this.numberAt(index - 1));
    return { number, line, head: headOf(line, index === 0, before), folded: this.#folds.get(number) ?? 0 };
  }
}

/** The row as it was, if it is the same. */
function kept(before: Row | undefined, row: Row): Row {
  const { number, line, head, folded } = row;
  const same = before?.number === number && before.line === line && before.head === head && before.folded === folded;
  return same ? before : row;
}

function headOf(line: Line | null, isFirst: boolean, before: Line | undefined): Row['head'] {
  if (line === null || (before === undefined && !isFirst)) return null;
  if (before === undefined || before.attempt !== line.attempt) return 'attempt';
  return before.step === line.step ? null : 'step';
}

/** The lines that fit, where all are known; a folded step is one row where it begins. */
export function fitting(
  book: Book,
  filter: Filter,
  folded: ReadonlySet<string>,
  from = book.first,
): { numbers: number[]; folds: Map<number, number> } {
  const numbers: number[] = [];
  const folds = new Map<number, number>();
  let open: { key: string; at: number } | null = null;
  for (let number = from; number <= book.last; number += 1) {
    const line = book.get(number);
    if (line === undefined || !fits(line, filter)) continue;
    const key = stepKey(line);
    if (open !== null && open.key === key) {
      folds.set(open.at, (folds.get(open.at) ?? 0) + 1);
      continue;
    }
    open = folded.has(key) ? { key, at: number } : null;
    if (open !== null) folds.set(number, 1);
    numbers.push(number);
  }
  return { numbers, folds };
}

/**
 * All lines but those of folded steps, where not all are known: of `together` it is known that its lines follow one
 * another. What came later is known, and goes on with its step.
 */
export function foldedIn(
  book: Book,
  together: ReadonlyMap<string, Span>,
  folded: ReadonlySet<string>,
): { numbers: number[]; folds: Map<number, number> } {
  const spans = new Map<number, { readonly key: string; readonly to: number }>();
  for (const [key, { from, to }] of together) if (folded.has(key)) spans.set(Math.max(from, book.first), { key, to });
  const numbers: number[] = [];
  const folds = new Map<number, number>();
  for (let number = book.first; number <= book.last; number += 1) {
    numbers.push(number);
    const span = spans.get(number);
    if (span === undefined || span.to < number) continue;
    let { to } = span;
    for (let next = book.get(to + 1); next !== undefined && stepKey(next) === span.key; next = book.get(to + 1)) to += 1;
    folds.set(number, to - number + 1);
    number = to;
  }
  return { numbers, folds };
}

export interface Span {
  readonly from: number;
  readonly to: number;
}

/** `#L1204`, `#L1204-1210` → lines; null: it names none. */
export function spanOf(hash: string): Span | null {
  const found = /^#L([1-9]\d{0,14})(?:-([1-9]\d{0,14}))?$/.exec(hash);
  if (found === null) return null;
  const [one, other] = [Number(found[1]), Number(found[2] ?? found[1])];
  return { from: Math.min(one, other), to: Math.max(one, other) };
}

export const hashOf = ({ from, to }: Span): string => (from === to ? `#L${from}` : `#L${from}-${to}`);
