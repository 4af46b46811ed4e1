// What was changed last, so that exactly that can be undone: kept for the sitting, also over a reload of this tab.

import { prefix } from '../../state/app.svelte';
import { Kept } from '../../lib/names';
import { readUndoable } from './bulk';
import type { Undoable } from './bulk';

class Undo {
  readonly #kept = new Kept(() => sessionStorage, prefix);
  last: Undoable | null = $state.raw(readUndoable(this.#kept.get('undo')));

  keep(one: Undoable | null): void {
    this.last = one;
    this.#kept.set('undo', one === null ? null : JSON.stringify(one));
  }
}

export const undo = new Undo();
