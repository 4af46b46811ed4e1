// Which row of the page shows which line. Rows are kept: one whose line leaves the window takes a line that comes into it,
// for to write other text into a row costs a fraction of making one.

import type { Line, Window } from './layout';

export interface Seat {
  /** Of the row, as long as it is there. */
  readonly n: number;
  /** The place of its line among all. */
  readonly at: number;
  readonly line: Line;
}

/** Rows of one shape can take each other's lines. */
const shapeOf = (line: Line): string => (line.kind === 'job' && line.told ? 'told' : line.kind);

/**
 * The lines of a window on the rows of `before`, in their order, and new rows after them. A line that was shown keeps its
 * row; a row that nothing changes of is the same object.
 */
export function seated(before: readonly Seat[], lines: readonly Line[], { first, last }: Window): Seat[] {
  const coming = new Map<string, number>();
  for (let at = first; at < Math.min(last, lines.length); at += 1) coming.set(lines[at]?.key ?? '', at);
  const free = new Map<string, number[]>(); // places in `before`, by shape
  const kept = before.map((seat, place): Seat | null => {
    const at = coming.get(seat.line.key);
    const line = at === undefined ? undefined : lines[at];
    const shape = shapeOf(seat.line);
    if (at === undefined || line === undefined || shapeOf(line) !== shape) {
      free.set(shape, [...(free.get(shape) ?? []), place]);
      return null;
    }
    coming.delete(line.key);
    return at === seat.at && line === seat.line ? seat : { n: seat.n, at, line };
  });
  let next = before.reduce((most, seat) => Math.max(most, seat.n), -1) + 1;
  for (const at of coming.values()) {
    const line = lines[at];
    if (line === undefined) continue;
    const place = free.get(shapeOf(line))?.shift();
    const n = place === undefined ? undefined : before[place]?.n;
    if (place === undefined || n === undefined) kept.push({ n: next++, at, line });
    else kept[place] = { n, at, line };
  }
  return kept.filter((seat) => seat !== null);
}

/** In the order in which they are read. */
export function inOrder(seats: readonly Seat[]): readonly Seat[] {
  const isSorted = seats.every((seat, n) => n === 0 || (seats[n - 1]?.at ?? 0) < seat.at);
  return isSorted ? seats : [...seats].sort((a, b) => a.at - b.at);
}
