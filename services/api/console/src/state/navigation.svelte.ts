// Where the page is: the address as a reactive value, and how to go elsewhere.
//
// Links are plain <a href>; a click on one that stays in the console is taken here. Typing in a filter replaces the
// address, choosing pushes one, so Back always goes to where the reader was.

import { pathOf, placeOf, readSearch, writeSearch } from '../lib/address';
import type { Fields, Place, StateOf } from '../lib/address';

export interface Going {
  readonly replace?: boolean;
  readonly keepFocus?: boolean;
}

export class Navigation {
  readonly base: URL;
  #url = $state.raw(new URL(location.href));
  /** The number of places gone to; a new one moves the focus to the heading. */
  moves = $state(0);

  readonly place: Place = $derived(placeOf(this.#url.pathname.slice(this.#cut)));

  constructor(base: URL) {
    this.base = base;
    addEventListener('popstate', () => this.#turn(new URL(location.href), false));
    document.addEventListener('click', (event) => this.#clicked(event));
  }

  get #cut(): number {
    return this.base.pathname.length;
  }

  get url(): URL {
    return this.#url;
  }

  get search(): string {
    return this.#url.search;
  }

  get hash(): string {
    return this.#url.hash;
  }

  /** The address of a place, to be used as a link: it lies below the base, whatever the prefix. */
  link(place: Place, search = ''): string {
    return pathOf(place) + search;
  }

  go(place: Place, search = '', going: Going = {}): void {
    this.goTo(new URL(this.link(place, search), this.base), going);
  }

  goTo(url: URL, { replace = false, keepFocus = false }: Going = {}): void {
    if (replace) history.replaceState(null, '', url);
    else if (url.href !== this.#url.href) history.pushState(null, '', url);
    this.#turn(url, keepFocus);
  }

  /** Change the search part alone: the place stays, and so does the focus. */
  set<F extends Fields>(fields: F, change: Partial<StateOf<F>>, { replace = false }: { replace?: boolean } = {}): void {
    const state = { ...readSearch(fields, this.search), ...change };
    const url = new URL(this.#url);
    url.search = writeSearch(fields, state, this.search);
    url.hash = '';
    this.goTo(url, { replace, keepFocus: true });
  }

  #turn(url: URL, keepFocus: boolean): void {
    const moved = url.pathname !== this.#url.pathname;
    this.#url = url;
    if (moved && !keepFocus) {
      this.moves += 1;
      scrollTo(0, 0);
    }
  }

  #clicked(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (link === null || link.href === '' || link.target !== '' || link.hasAttribute('download')) return;
    const url = new URL(link.href);
    if (url.origin !== this.base.origin || !url.pathname.startsWith(this.base.pathname)) return;
    event.preventDefault();
    this.goTo(url);
  }
}
