// What the whole page shares, made once when it starts: where the API is, who asks, the pulse, the clock, the address.

import { Navigation } from './navigation.svelte';
import { Preferences } from './preferences.svelte';
import { BrowserLocks, HeartbeatLocks, noLocks } from '../lib/locks';
import type { Locks } from '../lib/locks';
import { freshKey } from '../lib/http';
import { nameIn, prefixOf } from '../lib/names';
import { SharedPulse } from '../lib/pulse';
import type { Live, Tabs } from '../lib/pulse';
import { Session } from '../lib/session';
import type { Phase } from '../lib/session';
import type { Me, Pulse } from '../lib/types';

/** The base of the console, such as `https://host/prefix/console/`; the page's <base> is written by its depth. */
export const base = new URL(document.baseURI);
// Written back as an absolute address, so that `pushState` cannot move it.
document.querySelector('base')?.setAttribute('href', base.href);

export const root = new URL('../v1/monitor/', base);
export const prefix = prefixOf(root);

const channel = 'BroadcastChannel' in window ? new BroadcastChannel(nameIn(prefix, 'tabs')) : null;

function locksOf(): Locks {
  // Typed as always there, but absent without a secure context.
  const locks = navigator.locks as LockManager | undefined;
  if (locks !== undefined) return new BrowserLocks(locks);
  return channel === null ? noLocks : new HeartbeatLocks(channel, freshKey());
}

export const tabs: Tabs = {
  locks: locksOf(),
  channel: prefix === '' ? channel : null,
  prefix,
  visibility(heard) {
    const listen = (): void => heard(document.visibilityState === 'visible');
    document.addEventListener('visibilitychange', listen);
    return () => document.removeEventListener('visibilitychange', listen);
  },
};

export const session = new Session({
  root,
  fetch: (...request) => fetch(...request),
  storage: () => sessionStorage,
  channel,
  now: () => Date.now(),
});

export const pulse = new SharedPulse(session, tabs);
export const preferences = new Preferences(prefix);
export const navigation = new Navigation(base);

/** The clock of the server, ticking by the second while the page is shown. */
class Clock {
  #tick = $state(Date.now());

  start(): void {
    const tick = (): void => {
      if (document.visibilityState === 'visible') this.#tick = Date.now();
    };
    setInterval(tick, 1000);
    document.addEventListener('visibilitychange', tick);
  }

  /** Now by the server, in ms; reading it makes what reads it run again each second. */
  get now(): number {
    return this.#tick + session.skew;
  }

  /** Now by the server, without running again. */
  get moment(): number {
    return Date.now() + session.skew;
  }
}
export const clock = new Clock();

/** Say, while the component is shown, in which job's zone the screen's times are. */
export function useZone(of: () => string | null): void {
  $effect(() => {
    preferences.subject = of();
    return () => {
      preferences.subject = null;
    };
  });
}

/** The session, the pulse and the live mark as reactive values. */
class Here {
  phase: Phase = $state.raw(session.phase);
  /** Who is in; while a new key is asked for, who was. */
  readonly me: Me | null = $derived(this.phase.phase === 'in' || this.phase.phase === 'out' ? this.phase.me : null);
  live: Live = $state.raw({ state: 'connecting' });
  pulse: Pulse | null = $state.raw(null);
  online = $state(true);

  start(): void {
    session.subscribe((phase) => {
      const before = this.phase.phase;
      this.phase = phase;
      if (phase.phase === 'in' && before !== 'in') this.#follow();
      // Who signs in after a key has ended may do more than before.
      if (phase.phase === 'in' && before === 'out' && this.live.state === 'off') pulse.again();
      if (phase.phase === 'out' && phase.me === null) this.#leave();
    });
    pulse.subscribe({
      pulse: (one) => {
        if (one !== null) this.pulse = one;
      },
      live: (live) => {
        this.live = live;
      },
    });
    clock.start();
    void session.start();
  }

  #following: AbortController | null = null;

  #follow(): void {
    if (this.#following !== null) return;
    this.#following = new AbortController();
    pulse.start(this.#following.signal);
  }

  #leave(): void {
    this.#following?.abort();
    this.#following = null;
    this.pulse = null;
  }
}
export const here = new Here();

