// Who is asking: the bearer key or token of this browser, and what it may do.
//
// First `GET /me` goes out without a credential. 200 means that nobody is asked, or that a gateway adds one: no sign-in is
// ever shown. 401 shows the sheet. The credential lives in memory and in sessionStorage; a new tab asks its siblings for
// it, except under a path prefix, where other applications may listen on the same origin. It is never in an address, never
// in localStorage. A 401 in the middle shows the sheet over the page, and the failed request is made again after sign-in.

import { ask } from './http';
import type { Answer, Way } from './http';
import type { Channel } from './locks';
import { Kept, prefixOf } from './names';
import { passes } from './problem';
import type { Problem } from './problem';
import type { Me } from './types';

export const SCOPES = ['list', 'query', 'run', 'add', 'edit', 'changeStatus', 'remove', 'export', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

export type Phase =
  | { readonly phase: 'asking' }
  | { readonly phase: 'in'; readonly me: Me }
  | { readonly phase: 'out'; readonly me: Me | null; readonly problem: Problem | null }
  | { readonly phase: 'away'; readonly problem: Problem; readonly again: number };

export interface Surroundings {
  readonly root: URL;
  readonly fetch: typeof fetch;
  readonly storage: () => Storage;
  readonly channel: Channel | null;
  readonly now: () => number;
  readonly siblings?: number; // ms to wait for a sibling's answer
  readonly retry?: number; // ms until an API that is away is asked again
}

type Word = { session: 'who' } | { session: 'have'; credential: string } | { session: 'out' };

export class Session implements Way {
  readonly root: URL;
  readonly fetch: typeof fetch;
  readonly #around: Surroundings;
  readonly #kept: Kept;
  readonly #listeners = new Set<(phase: Phase) => void>();
  #credential: string | null;
  #phase: Phase = { phase: 'asking' };
  #lent: Promise<void> | null = null;
  #waiting: ((again: boolean) => void)[] = [];
  #later: ReturnType<typeof setTimeout> | undefined;
  /** Server's clock less the browser's, in ms; and how far off that may be, for an answer takes its time. */
  skew = 0;
  unsure = 0;

  constructor(around: Surroundings) {
    this.#around = around;
    this.root = around.root;
    this.fetch = around.fetch;
    this.#kept = new Kept(around.storage, prefixOf(around.root));
    this.#credential = this.#kept.get('credential');
    around.channel?.addEventListener('message', (event) => this.#heard(event.data));
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** Whether other tabs may be told the credential. */
  get shares(): boolean {
    return this.#around.channel !== null && prefixOf(this.root) === '';
  }

  subscribe(listener: (phase: Phase) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  credential(): string | null {
    return this.#credential;
  }

  /** Find out who we are. Call it at the start, and again after `away`. */
  async start(): Promise<void> {
    clearTimeout(this.#later);
    if (this.#phase.phase !== 'away') this.#turn({ phase: 'asking' }); // what says that it is away stays until it is not
    let answer = await this.#me(this.#credential);
    if (!answer.ok && answer.problem.kind === 'unauthorized') {
      const sibling = this.#credential === null ? await this.#askSiblings() : null;
      if (sibling !== null) answer = await this.#me(sibling);
      if (answer.ok && sibling !== null) this.#keep(sibling);
    }
    if (answer.ok) return this.#enter(answer.data);
    if (answer.problem.kind === 'unauthorized') {
      const problem = this.#credential === null ? null : answer.problem;
      this.#keep(null);
      return this.#turn({ phase: 'out', me: null, problem });
    }
    this.#away(answer.problem);
  }

  /** It is tried again by itself: who looks at the page need not be there when the API comes back. */
  #away(problem: Problem): void {
    const wait = problem.retryAfter ?? this.#around.retry ?? 5000;
    this.#turn({ phase: 'away', problem, again: this.#around.now() + wait });
    clearTimeout(this.#later);
    if (passes(problem)) this.#later = setTimeout(() => void this.start(), wait);
  }

  /** Try a key or token. On success all that waited is asked again. */
  async signIn(typed: string): Promise<Problem | null> {
    const credential = typed.trim();
    const answer = await this.#me(credential);
    if (!answer.ok) return answer.problem;
    this.#keep(credential);
    if (this.shares) this.#say({ session: 'have', credential });
    this.#enter(answer.data);
    return null;
  }

  /** Forget the credential, in all tabs. */
  signOut(): void {
    this.#keep(null);
    this.#say({ session: 'out' });
    this.#leave();
  }

  /** Close the sheet without signing in: what failed stays failed. */
  dismiss(): void {
    const me = this.#phase.phase === 'out' ? this.#phase.me : null;
    this.#answer(false);
    if (me !== null) this.#turn({ phase: 'in', me });
  }

  async refused(credential: string | null): Promise<boolean> {
    if (credential !== this.#credential) return true; // signed in meanwhile
    if (this.shares && this.#phase.phase === 'in') {
      this.#lent ??= this.#borrow().finally(() => (this.#lent = null));
      await this.#lent;
      if (credential !== this.#credential) return true;
    }
    const me = this.#phase.phase === 'in' || this.#phase.phase === 'out' ? this.#phase.me : null;
    if (this.#phase.phase !== 'out') this.#turn({ phase: 'out', me, problem: null });
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Take what another tab has signed in with since this one did. */
  async #borrow(): Promise<void> {
    const sibling = await this.#askSiblings();
    if (sibling === null) return;
    const answer = await this.#me(sibling);
    if (!answer.ok) return;
    this.#keep(sibling);
    this.#enter(answer.data);
  }

  /**
   * A stream told that its credential is over. A gateway may have another by now, a key may do less than before: who asks is
   * found out again, and only who is refused is asked to sign in. True: the stream may be opened again.
   */
  async ended(credential: string | null): Promise<boolean> {
    if (credential !== this.#credential) return true;
    const answer = await this.#me(credential);
    if (credential !== this.#credential) return true;
    if (answer.ok) this.#enter(answer.data);
    else if (answer.problem.kind === 'unauthorized') return this.refused(credential);
    return true;
  }

  may(scope: Scope): boolean {
    return this.#phase.phase !== 'in' || this.#phase.me.scopes.includes(scope);
  }

  #me(credential: string | null): Promise<Answer<Me>> {
    const sent = this.#around.now();
    const way: Way = {
      root: this.root,
      fetch: this.fetch,
      credential: () => credential,
      refused: () => Promise.resolve(false),
    };
    return ask<Me>(way, 'me').then((answer) => {
      const answered = this.#around.now();
      if (answer.ok) {
        this.skew = Date.parse(answer.data.now) - (sent + answered) / 2;
        this.unsure = (answered - sent) / 2;
      }
      return answer;
    });
  }

  #enter(me: Me): void {
    this.#turn({ phase: 'in', me });
    this.#answer(true);
  }

  #leave(): void {
    this.#answer(false);
    this.#turn({ phase: 'out', me: null, problem: null });
  }

  #answer(again: boolean): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve(again);
  }

  #keep(credential: string | null): void {
    this.#credential = credential;
    this.#kept.set('credential', credential);
  }

  #turn(phase: Phase): void {
    this.#phase = phase;
    for (const listener of this.#listeners) listener(phase);
  }

  #say(word: Word): void {
    this.#around.channel?.postMessage(word);
  }

  #askSiblings(): Promise<string | null> {
    const { channel } = this.#around;
    if (channel === null || !this.shares) return Promise.resolve(null);
    return new Promise((resolve) => {
      const done = (credential: string | null): void => {
        clearTimeout(timer);
        channel.removeEventListener('message', heard);
        resolve(credential);
      };
      const heard = (event: MessageEvent<unknown>): void => {
        const word = event.data as Partial<Word> | null;
        const other = word?.session === 'have' && 'credential' in word ? word.credential : undefined;
        if (other && other !== this.#credential) done(other); // a sibling may still have the one that is refused
      };
      const timer = setTimeout(() => done(null), this.#around.siblings ?? 150);
      channel.addEventListener('message', heard);
      this.#say({ session: 'who' });
    });
  }

  #heard(data: unknown): void {
    const word = data as Partial<Word> | null;
    if (word?.session === 'who' && this.shares && this.#credential !== null && this.#phase.phase === 'in') {
      this.#say({ session: 'have', credential: this.#credential });
    } else if (word?.session === 'out' && this.#credential !== null) {
      this.#keep(null);
      this.#leave();
    } else if (word?.session === 'have' && this.shares && this.#phase.phase === 'out' && 'credential' in word) {
      const { credential } = word;
      if (credential) void this.#signInQuietly(credential);
    }
  }

  /** A sibling signed in while this tab shows the sheet. */
  async #signInQuietly(credential: string): Promise<void> {
    const answer = await this.#me(credential);
    if (!answer.ok) return;
    this.#keep(credential);
    this.#enter(answer.data);
  }
}
