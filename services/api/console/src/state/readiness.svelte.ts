// What of the installation is away, by /readyz: Redis, Postgres, and what else the API looks at. Asked when a page opens
// and when the pulse no longer knows something; then every few seconds until all is well again. At rest it asks nothing.

import { here, pulse, session } from './app.svelte';
import { api } from '../lib/api';
import type { Pulse } from '../lib/types';

const EVERY = 5000;
const FINE = 'ok';

/** Whether a store may be away: its part of the pulse is not known. */
const isGapped = (message: Pulse): boolean =>
  message.led === null || message.projectionLagMs === null || message.queues.some((queue) => queue.waiting === null);

class Readiness {
  /** Each check that found something, and what. Null: not known. */
  troubles: ReadonlyMap<string, string> | null = $state.raw(null);
  /** When it was asked last, by the browser's clock. */
  at: number | null = $state(null);
  /** Since when it is as it is, by the browser's clock. */
  since: number | null = $state(null);

  readonly redis: string | null = $derived(this.troubles?.get('redis') ?? null);
  readonly postgres: string | null = $derived(this.troubles?.get('postgres') ?? null);

  #users = 0;
  #asking = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stop: (() => void) | null = null;

  /** Keep it known as long as the returned function is not called. */
  use(): () => void {
    this.#users += 1;
    if (this.#users === 1) {
      void this.#ask();
      this.#stop = pulse.subscribe({
        pulse: (message) => {
          if (message === null || isGapped(message) || this.redis !== null || this.postgres !== null) this.#soon(1000);
        },
        live: () => undefined,
      });
    }
    return () => {
      this.#users -= 1;
      if (this.#users > 0) return;
      this.#stop?.();
      clearTimeout(this.#timer);
      this.#timer = undefined;
    };
  }

  #soon(ms: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.#ask();
    }, ms);
  }

  async #ask(): Promise<void> {
    if (this.#asking || here.phase.phase === 'out') return;
    this.#asking = true;
    const answer = await api.readiness(session);
    this.#asking = false;
    if (answer.ok) this.#turn(Object.entries(answer.data.checks));
    else if (answer.problem.errors.length > 0) {
      this.#turn(answer.problem.errors.map((flaw) => [flaw.pointer.replace(/^\//, ''), flaw.message]));
      this.#soon(EVERY);
    } else this.troubles = null; // no answer of the API: the page says that elsewhere
  }

  #turn(checks: readonly (readonly [string, string])[]): void {
    // What is said goes into sentences of the page, which have a full stop of their own.
    const next = new Map(checks.filter(([, said]) => said !== FINE).map(([name, said]) => [name, said.replace(/\.$/, '')]));
    const before = this.troubles;
    this.at = Date.now();
    if (before === null || [...before.keys()].join() !== [...next.keys()].join()) this.since = this.at;
    this.troubles = next;
  }
}

export const readiness = new Readiness();
