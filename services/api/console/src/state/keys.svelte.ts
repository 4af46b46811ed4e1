// Keys of the keyboard. Single keys can be switched off, and never act in a field or while a dialog is open.
//
// A component names its keys while it is shown; the help lists them. `g n` is two keys, one after the other.

import { untrack } from 'svelte';
import { preferences } from './app.svelte';

export interface Key {
  /** As `KeyboardEvent.key` says it, in small letters; two with a space between are a sequence; `mod+k` is Ctrl or ⌘. */
  readonly keys: string;
  readonly text: string; // what it does, for the help
  readonly run: (event: KeyboardEvent) => void;
  /** Shown in the help as this instead. */
  readonly shown?: string;
}

class Keys {
  all: readonly Key[] = $state.raw([]);
  #first: { key: string; at: number } | null = null;

  constructor() {
    document.addEventListener('keydown', (event) => this.#pressed(event));
  }

  add(keys: readonly Key[]): () => void {
    this.all = [...this.all, ...keys];
    return () => {
      this.all = this.all.filter((key) => !keys.includes(key));
    };
  }

  #pressed(event: KeyboardEvent): void {
    if (event.defaultPrevented || event.isComposing || event.altKey) return;
    const mod = event.ctrlKey || event.metaKey;
    const pressed = `${mod ? 'mod+' : ''}${event.key.length === 1 ? event.key.toLowerCase() : event.key}`;
    const named = event.shiftKey && /^[a-z]$/.test(pressed) ? `Shift+${pressed}` : pressed;
    if (!mod && (!preferences.keys || isTyping(event.target) || (pressed === ' ' && isPressed(event.target)) || document.querySelector('dialog[open]') !== null)) return;
    const first = this.#first !== null && event.timeStamp - this.#first.at < 1500 ? this.#first.key : null;
    this.#first = null;
    // The newest comes first: a part of a screen takes a key before the screen does.
    const fitting = this.all.findLast((key) => (first === null ? key.keys === named : key.keys === `${first} ${named}`));
    if (fitting !== undefined) {
      event.preventDefault();
      fitting.run(event);
    } else if (!mod && this.all.some((key) => key.keys.startsWith(`${named} `))) {
      this.#first = { key: named, at: event.timeStamp };
    }
  }
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || /^(input|textarea|select)$/i.test(target.tagName);
}

/** Whether the space bar presses what has the focus: it belongs to that, then. */
function isPressed(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest('button, summary, [role]:not(main, [role="region"], [role="group"])') !== null;
}

export const keys = new Keys();

/** Keys that hold while the component is shown. */
export function useKeys(given: readonly Key[]): void {
  $effect(() => untrack(() => keys.add(given)));
}
