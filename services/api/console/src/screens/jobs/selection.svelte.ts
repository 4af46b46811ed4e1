// The jobs that are chosen for a command. It never holds one that the list does not show: `keep` lets those go.

export class Selection {
  ids: ReadonlySet<string> = $state.raw(new Set<string>());
  /** Whether all that fit were chosen at once: the command then carries the filter, and is off if it fits others. */
  whole = $state(false);
  #anchor: string | null = null;

  get size(): number {
    return this.ids.size;
  }

  toggle(id: string): void {
    this.#set([id], !this.ids.has(id));
    this.#anchor = id;
  }

  /** All of these; if they are chosen already, none of them. */
  toggleAll(ids: readonly string[]): void {
    this.#set(ids, !ids.every((id) => this.ids.has(id)));
  }

  /** From the one that was chosen last to this one, in the order of the list. */
  through(id: string, order: readonly string[]): void {
    const [from, to] = [this.#anchor === null ? -1 : order.indexOf(this.#anchor), order.indexOf(id)];
    if (from < 0 || to < 0) this.toggle(id);
    else this.#set(order.slice(Math.min(from, to), Math.max(from, to) + 1), true);
    this.#anchor = id;
  }

  all(ids: readonly string[]): void {
    this.ids = new Set(ids);
    this.whole = true;
  }

  clear(): void {
    if (this.ids.size > 0) this.ids = new Set();
    this.whole = false;
    this.#anchor = null;
  }

  /** Let go of what is not among these; how many that were. */
  keep(shown: ReadonlySet<string>): number {
    const left = [...this.ids].filter((id) => shown.has(id));
    const gone = this.ids.size - left.length;
    if (gone > 0) {
      this.ids = new Set(left);
      this.whole = false;
    }
    return gone;
  }

  #set(ids: readonly string[], on: boolean): void {
    const next = new Set(this.ids);
    for (const id of ids) {
      if (on) next.add(id);
      else next.delete(id);
    }
    this.ids = next;
    this.whole = false;
  }
}
