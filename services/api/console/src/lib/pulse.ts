// The pulse: one stream that says what has changed, shared by the tabs of a browser.
//
// One tab holds the lock and the stream, and hands each message on over BroadcastChannel. A tab that was hidden for a minute
// lets go; another takes over. Browsers allow six HTTP/1.1 connections an origin, so at most four streams are open: the pulse
// and those of open runs take one of four seats each, and what gets none asks every two seconds, says so, and takes the first
// seat that is free. Under a path prefix nothing is shared, because other applications may listen on the origin: there each
// tab has a pulse of its own, and the fourth has none, so that a run can still be followed.
//
// Where the API has no pulse (an older release), the page asks by itself every five seconds.

import { addressOf } from './http';
import type { Channel, Locks } from './locks';
import { nameIn } from './names';
import { isFull } from './problem';
import type { Problem } from './problem';
import { follow, pause } from './sse';
import type { Standing } from './sse';
import type { Session } from './session';
import type { Pulse } from './types';

export type Live =
  | { readonly state: 'connecting' }
  | { readonly state: 'live' }
  | { readonly state: 'polling'; readonly why: 'seats' | 'absent' | 'busy' }
  | { readonly state: 'paused' }
  | { readonly state: 'hidden' }
  | { readonly state: 'lost'; readonly since: number; readonly again: number }
  | { readonly state: 'off'; readonly problem: Problem | null };

export interface PulseListener {
  /** Null: anything may have changed. */
  pulse(pulse: Pulse | null): void;
  live(live: Live): void;
}

export interface Tabs {
  readonly locks: Locks;
  readonly channel: Channel | null; // null: nothing is shared
  readonly prefix: string;
  /** Tells when the page is shown or hidden; returns how to stop. */
  visibility(heard: (visible: boolean) => void): () => void;
  readonly hiddenAfter?: number;
  readonly every?: number;
  readonly seatless?: number; // ms between two requests of a tab without a seat
}

type Word = { pulse: Pulse } | { live: Live } | { pulseAsked: true } | { anything: true };

const SEATS = 4;
const SILENCE = 25_000; // ms; the API says something at least every 15 s, and who looks believes what stands there
const OWN = 3; // for pulses, where each tab has its own

/** Take one of the first `most` seats for a stream; false if all of them are taken. */
export async function takeSeat(tabs: Tabs, signal: AbortSignal, most = SEATS): Promise<boolean> {
  for (let seat = 1; seat <= most; seat += 1) {
    if (await tabs.locks.tryHold(nameIn(tabs.prefix, `stream-${seat}`), signal)) return true;
  }
  return false;
}

export class SharedPulse {
  readonly #session: Session;
  readonly #tabs: Tabs;
  readonly #listeners = new Set<PulseListener>();
  #live: Live = { state: 'connecting' };
  #last: Pulse | null = null;
  #round: AbortController | null = null;
  #paused = false;
  #leads = false;
  #began = false;
  #told = false; // by another tab; what changes until a stream of our own is open, nobody tells

  constructor(session: Session, tabs: Tabs) {
    this.#session = session;
    this.#tabs = tabs;
  }

  subscribe(listener: PulseListener): () => void {
    this.#listeners.add(listener);
    listener.live(this.#live);
    if (this.#last !== null) listener.pulse(this.#last);
    return () => this.#listeners.delete(listener);
  }

  /** Run until `signal` ends: as long as the page is shown, and a minute longer. */
  start(signal: AbortSignal): void {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = this.#tabs.visibility((visible) => {
      clearTimeout(timer);
      if (visible) this.#begin();
      else timer = setTimeout(() => this.#end({ state: 'hidden' }), this.#tabs.hiddenAfter ?? 60_000);
    });
    const heard = (event: MessageEvent<unknown>): void => this.#heard(event.data);
    this.#tabs.channel?.addEventListener('message', heard);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      stop();
      this.#tabs.channel?.removeEventListener('message', heard);
      this.#end({ state: 'off', problem: null });
    });
    this.#begin();
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Stand still, so that what is read does not move. */
  pause(paused: boolean): void {
    this.#paused = paused;
    if (paused) this.#end({ state: 'paused' });
    else this.#begin();
  }

  /** Ask at once: instead of waiting for the next try, or since who asks may do more than before. */
  again(): void {
    if (this.#live.state === 'lost' || this.#live.state === 'off') {
      this.#end(this.#live);
      this.#begin();
    }
  }

  #begin(): void {
    if (this.#paused || this.#round !== null) return;
    const round = new AbortController();
    this.#round = round;
    this.#turn({ state: 'connecting' });
    // After a pause anything may have changed: whoever listens asks again for what it shows.
    if (this.#began) this.#emit(null);
    this.#began = true;
    void this.#hold(round.signal);
  }

  #end(live: Live): void {
    this.#round?.abort();
    this.#round = null;
    this.#leads = false;
    this.#turn(live);
  }

  async #hold(signal: AbortSignal): Promise<void> {
    const { channel, locks, prefix } = this.#tabs;
    if (channel !== null) {
      channel.postMessage({ pulseAsked: true } satisfies Word);
      if (!(await locks.hold(nameIn(prefix, 'pulse'), signal))) return;
      if (signal.aborted) return;
      this.#leads = true;
    }
    const most = channel === null ? OWN : SEATS;
    if (!(await takeSeat(this.#tabs, signal, most))) {
      const every = this.#tabs.seatless ?? 2000;
      await this.#poll('seats', every, signal, () => takeSeat(this.#tabs, signal, most));
    }
    if (!signal.aborted) await this.#stream(signal);
  }

  async #stream(signal: AbortSignal): Promise<void> {
    const session = this.#session;
    const every = this.#tabs.every ?? 5000;
    while (!signal.aborted) {
      const begun = Date.now();
      const { used, problem } = await this.#followed(signal);
      if (signal.aborted) return;
      if (problem === null && (await session.ended(used))) {
        // A credential that is over for the stream and good for all else, as by two clocks: it is not asked without end.
        if (used === session.credential() && Date.now() - begun < every) await pause(every, signal);
        this.#anything();
      } else if (problem !== null && isFull(problem)) {
        await this.#poll('busy', every, signal, () => Promise.resolve(true));
      } else if (problem?.kind === 'missing') return this.#poll('absent', every, signal);
      else if (!signal.aborted) return this.#tell({ state: 'off', problem });
    }
  }

  /** Follow one stream until it cannot be had; null: the API has ended it. */
  async #followed(signal: AbortSignal): Promise<{ used: string | null; problem: Problem | null }> {
    const session = this.#session;
    let used: string | null = null;
    let problem: Problem | null = null;
    await follow(
      {
        open: (_, attempt) => {
          used = session.credential();
          const headers: Record<string, string> = { Accept: 'text/event-stream' };
          if (used !== null) headers['Authorization'] = `Bearer ${used}`;
          return session.fetch(addressOf(session.root, 'pulse/stream'), {
            headers,
            signal: attempt,
            cache: 'no-store',
            credentials: 'same-origin',
          });
        },
        refused: () => session.refused(used),
        endsBy: isFull,
        silence: SILENCE,
        isLast: (message) => message.event === 'closed',
        message: (message) => {
          if (message.event !== 'pulse') return;
          const pulse = read(message.data);
          if (pulse !== null) this.#pass(pulse);
        },
        standing: (standing) => {
          if (standing.state === 'ended') ({ problem } = standing);
          else if (standing.state !== 'connecting' || this.#live.state !== 'polling') this.#tell(liveOf(standing, session.skew));
          if (standing.state === 'live' && (standing.resumed || this.#told)) {
            this.#told = false;
            this.#anything();
          }
        },
      },
      signal,
    );
    return { used, problem };
  }

  /** Until `over` says that it need not be any more. */
  async #poll(
    why: 'seats' | 'absent' | 'busy',
    every: number,
    signal: AbortSignal,
    over: () => Promise<boolean> = () => Promise.resolve(false),
  ): Promise<void> {
    this.#tell({ state: 'polling', why });
    while (!signal.aborted) {
      await pause(every, signal);
      if (signal.aborted) return;
      this.#anything();
      if (await over()) return;
    }
  }

  /** Anything may have changed: here, and in the tabs that hear of changes by this one. */
  #anything(): void {
    this.#emit(null);
    if (this.#leads) this.#tabs.channel?.postMessage({ anything: true } satisfies Word);
  }

  #pass(pulse: Pulse): void {
    this.#last = pulse;
    this.#emit(pulse);
    if (this.#live.state !== 'live') this.#tell({ state: 'live' });
    if (this.#leads) this.#tabs.channel?.postMessage({ pulse } satisfies Word);
  }

  #tell(live: Live): void {
    this.#turn(live);
    if (this.#leads) this.#tabs.channel?.postMessage({ live } satisfies Word);
  }

  #turn(live: Live): void {
    this.#live = live;
    for (const listener of this.#listeners) listener.live(live);
  }

  #emit(pulse: Pulse | null): void {
    for (const listener of this.#listeners) listener.pulse(pulse);
  }

  #heard(data: unknown): void {
    const word = data as (Partial<{ pulse: Pulse; live: Live; pulseAsked: true; anything: true }> & object) | null;
    if (word === null || typeof word !== 'object') return;
    if (word.pulseAsked === true && this.#leads) {
      // A new tab shall not wait for the next message.
      this.#tabs.channel?.postMessage({ live: this.#live } satisfies Word);
      if (this.#last !== null) this.#tabs.channel?.postMessage({ pulse: this.#last } satisfies Word);
    }
    if (this.#leads || this.#round === null) return;
    if (word.live !== undefined || word.pulse !== undefined) this.#told = true;
    if (word.live !== undefined) this.#turn(word.live);
    if (word.anything === true) this.#emit(null);
    if (word.pulse !== undefined) {
      this.#last = word.pulse;
      this.#emit(word.pulse);
      if (this.#live.state !== 'live') this.#turn({ state: 'live' });
    }
  }
}

/** Since when by the server's clock, as all moments that are shown; `again` is by that of the browser. */
function liveOf(standing: Exclude<Standing, { state: 'ended' }>, skew: number): Live {
  if (standing.state === 'lost') return { state: 'lost', since: standing.since + skew, again: standing.again };
  return { state: standing.state === 'live' ? 'live' : 'connecting' };
}

function read(data: string): Pulse | null {
  try {
    return JSON.parse(data) as Pulse;
  } catch {
    return null; // not ours; the next message may be
  }
}

