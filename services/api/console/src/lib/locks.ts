// A lock between the tabs of one browser: the browser's own where it has one, else heartbeats over BroadcastChannel.
//
// Plain HTTP on an internal name is no secure context, and there `navigator.locks` is absent. The heartbeat is good
// enough for what it guards: if two tabs hold it for a moment, two streams are open for a moment, and nothing is wrong.
//
//     tab A: claim(5) ──►                     beat ──► beat ──►          free ──►
//     tab B:             claim(9), hears 5: waits              (2.5 s silent, or free) claim(9) ──► beat ──►

export interface Locks {
  /** Wait for the lock, hold it until `signal` ends, then let go. Resolves when it is held; false if ended before. */
  hold(name: string, signal: AbortSignal): Promise<boolean>;
  /** Hold the lock if it is free now. */
  tryHold(name: string, signal: AbortSignal): Promise<boolean>;
}

/** What is used of BroadcastChannel, so that tests can stand between two tabs. */
export interface Channel {
  postMessage(message: unknown): void;
  addEventListener(type: 'message', heard: (event: MessageEvent<unknown>) => void): void;
  removeEventListener(type: 'message', heard: (event: MessageEvent<unknown>) => void): void;
}

export class BrowserLocks implements Locks {
  readonly #locks: LockManager;

  constructor(locks: LockManager) {
    this.#locks = locks;
  }

  hold(name: string, signal: AbortSignal): Promise<boolean> {
    return this.#request(name, signal, { signal });
  }

  tryHold(name: string, signal: AbortSignal): Promise<boolean> {
    return this.#request(name, signal, { ifAvailable: true });
  }

  #request(name: string, signal: AbortSignal, options: LockOptions): Promise<boolean> {
    if (signal.aborted) return Promise.resolve(false);
    return new Promise((resolve) => {
      const held = (lock: Lock | null): Promise<void> => {
        resolve(lock !== null);
        if (lock === null) return Promise.resolve();
        return new Promise((release) => {
          if (signal.aborted) release();
          signal.addEventListener('abort', () => release(), { once: true });
        });
      };
      this.#locks.request(name, options, held).catch(() => resolve(false));
    });
  }
}

export interface Beats {
  readonly beat: number; // ms between two heartbeats
  readonly silent: number; // ms without one until the lock counts as free
  readonly claim: number; // ms in which an older claim may be heard
}

const BEATS: Beats = { beat: 1000, silent: 2500, claim: 150 };

type Word = { lock: string; word: 'claim' | 'beat' | 'free'; from: string };

export class HeartbeatLocks implements Locks {
  readonly #channel: Channel;
  readonly #me: string;
  readonly #beats: Beats;

  /** `me` orders the claims of tabs: the smaller one wins. */
  constructor(channel: Channel, me: string, beats: Beats = BEATS) {
    this.#channel = channel;
    this.#me = me;
    this.#beats = beats;
  }

  async hold(name: string, signal: AbortSignal): Promise<boolean> {
    while (!signal.aborted) {
      if (await this.tryHold(name, signal)) return true;
      if (!signal.aborted) await this.#quiet(name, signal);
    }
    return false;
  }

  async tryHold(name: string, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return false;
    let lost = false;
    const stop = this.#hear(name, (word) => {
      if (word.word === 'beat' || (word.word === 'claim' && word.from < this.#me)) lost = true;
      else if (word.word === 'claim') this.#say(name, 'claim'); // it came later than ours, and is told so
    });
    this.#say(name, 'claim');
    await sleep(this.#beats.claim, signal);
    stop();
    if (lost || signal.aborted) return false;
    this.#keep(name, signal);
    return true;
  }

  #keep(name: string, signal: AbortSignal): void {
    const stop = this.#hear(name, (word) => {
      if (word.word === 'claim') this.#say(name, 'beat');
    });
    this.#say(name, 'beat');
    const timer = setInterval(() => this.#say(name, 'beat'), this.#beats.beat);
    signal.addEventListener('abort', () => {
      clearInterval(timer);
      stop();
      this.#say(name, 'free');
    });
  }

  /** Until the holder lets go, or is not heard of any more. */
  #quiet(name: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      let timer = setTimeout(done, this.#beats.silent);
      const stop = this.#hear(name, (word) => {
        if (word.word === 'free') return done();
        clearTimeout(timer);
        timer = setTimeout(done, this.#beats.silent);
      });
      function done(): void {
        clearTimeout(timer);
        stop();
        signal.removeEventListener('abort', done);
        resolve();
      }
      signal.addEventListener('abort', done);
    });
  }

  #say(lock: string, word: Word['word']): void {
    this.#channel.postMessage({ lock, word, from: this.#me } satisfies Word);
  }

  #hear(name: string, heard: (word: Word) => void): () => void {
    const listen = (event: MessageEvent<unknown>): void => {
      const word = event.data as Partial<Word> | null;
      if (word?.lock === name && word.word !== undefined && word.from !== undefined && word.from !== this.#me) {
        heard(word as Word);
      }
    };
    this.#channel.addEventListener('message', listen);
    return () => this.#channel.removeEventListener('message', listen);
  }
}

/** No other tab can be seen: each holds what it asks for. */
export const noLocks: Locks = {
  hold: (_, signal) => Promise.resolve(!signal.aborted),
  tryHold: (_, signal) => Promise.resolve(!signal.aborted),
};

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
