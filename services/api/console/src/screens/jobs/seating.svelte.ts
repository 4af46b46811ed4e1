// The rows of a list that is scrolled. While it moves rows stay where they are in the page, and lines go over them; once
// it rests they are put into the order of the lines, in which they are read out.

import { tick } from 'svelte';
import { windowOf } from './layout';
import type { Line, Window } from './layout';
import { inOrder, seated } from './seats';
import type { Seat } from './seats';

const OVER = 3; // lines above and below what is seen
const SPARE = OVER + 1;
const RESTS = 150; // ms after it was scrolled

export class Seating {
  readonly seats: readonly Seat[] = $derived.by(() => {
    const now = seated(this.#before, this.#lines(), this.view);
    this.#before = this.#resting ? inOrder(now) : now;
    return this.#before;
  });
  view: Window = $state.raw({ first: 0, last: 0 });

  readonly #lines: () => readonly Line[];
  #resting = $state(true);
  #before: readonly Seat[] = [];
  /** How many rows there are, at least. */
  #least = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #held: Pick<Seat, 'n' | 'line'> | null = null;

  constructor(lines: () => readonly Line[]) {
    this.#lines = lines;
  }

  /** Have rows for what lies between two heights. */
  see(offsets: Float64Array, top: number, bottom: number): void {
    const seen = windowOf(offsets, top, bottom, OVER);
    // A row that is not needed now is by the next frame; many are not where lines are higher.
    const count = seen.last - seen.first;
    this.#least = count < this.#least - SPARE ? count : Math.max(count, this.#least);
    const next = windowOf(offsets, top, bottom, OVER, this.#least);
    if (next.first === this.view.first && next.last === this.view.last) return;
    this.view = next;
    this.#resting = false;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#rest(), RESTS);
  }

  /** Lines have other heights from now on. */
  resized(): void {
    this.#least = 0;
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** The focus is in the row with the line at a place; null: in none. */
  focused(at: number | null): void {
    this.#held = at === null ? null : (this.seats.find((seat) => seat.at === at) ?? null);
  }

  /** The line that had the focus, where its row has taken another, or none: the focus must not go on there. */
  left(): Line | null {
    const { seats } = this; // what reads this runs again when they are others, also where nothing is held now
    const held = this.#held;
    if (held === null || seats.some((seat) => seat.n === held.n && seat.line.key === held.line.key)) return null;
    this.#held = null;
    return held.line;
  }

  /** What has the focus may be moved with its row, and keeps it. */
  async #rest(): Promise<void> {
    const held = document.activeElement;
    this.#resting = true;
    await tick();
    if (held instanceof HTMLElement && held.isConnected && document.activeElement === document.body) {
      held.focus({ preventScroll: true });
    }
  }
}
