// Something of the API that a screen shows: asked for when the screen opens, again when what it depends on or the pulse
// says so. What was known stays on screen while it is asked for again, and when asking fails.

import { pulse } from './app.svelte';
import type { Answer } from '../lib/http';
import { isAborted } from '../lib/http';
import { passes } from '../lib/problem';
import type { Problem } from '../lib/problem';
import type { Pulse } from '../lib/types';

export interface Options<T> {
  /** Whether a message of the pulse changes this. It is not asked for a message that may mean anything. */
  readonly on?: (pulse: Pulse, data: T | null) => boolean;
  /** The least time between two requests that the pulse causes, and before the first of them, in ms. */
  readonly least?: number;
  /** Forget what is shown when what is asked for changes; else it stays until the new is there. */
  readonly forget?: boolean;
}

const RETRY = [2000, 4000, 8000, 15_000];

export class Resource<T> {
  data: T | null = $state.raw(null);
  problem: Problem | null = $state.raw(null);
  loading = $state(false);
  /** When `data` was answered, by the browser's clock. */
  at: number | null = $state(null);
  /** When it is asked for again by itself after a problem. */
  again: number | null = $state(null);

  #ask: ((signal: AbortSignal) => Promise<Answer<T>>) | null = null;
  #running: AbortController | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #dirty = false;

  /** Ask now, or once more when the request under way has been answered. */
  refresh = (): void => {
    if (this.#running !== null) this.#dirty = true;
    else void this.#run();
  };

  /** Take an answer that is known from elsewhere: what a command answered, say. */
  put(data: T): void {
    this.data = data;
    this.at = Date.now();
  }

  /** Ask by this from now on. */
  use(ask: (signal: AbortSignal) => Promise<Answer<T>>, signal: AbortSignal, forget: boolean): void {
    this.#running?.abort();
    this.#running = null;
    clearTimeout(this.#timer);
    this.#failures = 0;
    if (forget) this.data = null;
    this.problem = null;
    this.#ask = ask;
    signal.addEventListener('abort', () => {
      if (this.#ask === ask) this.stop();
    });
  }

  stop(): void {
    this.#running?.abort();
    this.#running = null;
    this.#ask = null;
    clearTimeout(this.#timer);
  }

  async settle(asked: Promise<Answer<T>>, running: AbortController): Promise<void> {
    this.#running = running;
    this.loading = true;
    const answer = await asked;
    if (this.#running !== running) return;
    this.#running = null;
    this.loading = false;
    this.again = null;
    if (answer.ok) {
      this.data = answer.data;
      this.at = Date.now();
      this.problem = null;
      this.#failures = 0;
    } else if (!isAborted(answer.problem)) {
      this.problem = answer.problem;
      this.#later(answer.problem);
    }
    if (this.#dirty) {
      this.#dirty = false;
      void this.#run();
    }
  }

  #later(problem: Problem): void {
    if (!passes(problem)) return;
    const wait = problem.retryAfter ?? RETRY[Math.min(this.#failures, RETRY.length - 1)] ?? 15_000;
    this.#failures += 1;
    this.again = Date.now() + wait;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.refresh, wait);
  }

  #run(): Promise<void> {
    if (this.#ask === null) return Promise.resolve();
    clearTimeout(this.#timer);
    const running = new AbortController();
    return this.settle(this.#ask(running.signal), running);
  }
}

/**
 * A resource of a component. `ask` says what to ask for, or null for nothing (yet); it is called again whenever reactive
 * values that it reads change. Call it while the component is made.
 */
export function resource<T>(
  ask: () => ((signal: AbortSignal) => Promise<Answer<T>>) | null,
  { on, least = 1000, forget = false }: Options<T> = {},
): Resource<T> {
  const one = new Resource<T>();
  $effect(() => {
    const asking = ask();
    const end = new AbortController();
    if (asking === null) {
      one.stop();
      if (forget) one.data = null;
    } else {
      one.use(asking, end.signal, forget);
      one.refresh();
    }
    return () => end.abort();
  });
  if (on !== undefined) {
    $effect(() => {
      let timer: ReturnType<typeof setTimeout> | undefined;
      let last = Date.now();
      const soon = (): void => {
        if (timer !== undefined) return;
        timer = setTimeout(
          () => {
            timer = undefined;
            last = Date.now();
            one.refresh();
          },
          Math.max(0, last + least - Date.now()),
        );
      };
      let first = true; // what is known when it subscribes is not news
      const stop = pulse.subscribe({
        pulse: (message) => {
          if (first) return;
          if (message === null || message.many || on(message, one.data)) soon();
        },
        live: () => undefined,
      });
      first = false;
      return () => {
        clearTimeout(timer);
        stop();
      };
    });
  }
  return one;
}
