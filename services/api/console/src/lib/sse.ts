// Server-sent events by fetch: EventSource cannot send a header, and a key in an address would be written into logs.
//
// `Frames` cuts text into messages wherever the network cut it; `follow` keeps a stream open: it resumes by the last id,
// backs off, heeds Retry-After, and notices a connection that died without a word.

import { problemOf } from './problem';
import type { Problem } from './problem';

export interface Message {
  readonly event: string;
  readonly data: string;
  readonly id: string | null; // the last id seen, also from earlier messages
}

/** Text in any pieces → messages. A message that is cut off at the end of the stream is dropped, as the standard says. */
export class Frames {
  #rest = '';
  #event = '';
  #data: string[] = [];
  #id: string | null;
  #first = true;

  constructor(lastId: string | null = null) {
    this.#id = lastId;
  }

  push(piece: string): Message[] {
    const text = this.#rest + (this.#first ? piece.replace(/^\uFEFF/, '') : piece);
    if (piece !== '') this.#first = false;
    const messages: Message[] = [];
    let from = 0;
    for (;;) {
      const end = lineEnd(text, from);
      if (end === null) break;
      const message = this.#line(text.slice(from, end.at));
      if (message !== null) messages.push(message);
      from = end.next;
    }
    this.#rest = text.slice(from);
    return messages;
  }

  #line(line: string): Message | null {
    if (line === '') {
      const message =
        this.#data.length === 0
          ? null
          : { event: this.#event === '' ? 'message' : this.#event, data: this.#data.join('\n'), id: this.#id };
      this.#event = '';
      this.#data = [];
      return message;
    }
    const colon = line.indexOf(':');
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'event') this.#event = value;
    else if (name === 'data') this.#data.push(value);
    else if (name === 'id' && !value.includes('\0')) this.#id = value === '' ? null : value;
    return null;
  }
}

/** The next line end. A CR at the very end may be half of a CRLF, so it waits for what follows. */
function lineEnd(text: string, from: number): { at: number; next: number } | null {
  for (let at = from; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 10) return { at, next: at + 1 };
    if (code === 13) {
      if (at + 1 === text.length) return null;
      return { at, next: text.charCodeAt(at + 1) === 10 ? at + 2 : at + 1 };
    }
  }
  return null;
}

export type Standing =
  | { readonly state: 'connecting' }
  | { readonly state: 'live'; readonly resumed: boolean }
  | { readonly state: 'lost'; readonly since: number; readonly again: number; readonly problem: Problem | null }
  | { readonly state: 'ended'; readonly problem: Problem | null };

export interface Following {
  /** Opens the stream; `lastId` goes into `Last-Event-ID`. */
  open(lastId: string | null, signal: AbortSignal): Promise<Response>;
  message(message: Message): void;
  standing(standing: Standing): void;
  /** What ends the stream for good; the API sends such frames (`end`, `closed`). */
  isLast?(message: Message): boolean;
  /** Which refusals end it, for the caller has another way. */
  endsBy?(problem: Problem): boolean;
  /** A 401: true when there is a new credential. */
  refused?(): Promise<boolean>;
  readonly lastId?: string | null;
  readonly silence?: number; // ms without a byte until the connection counts as dead
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly now?: () => number;
  readonly chance?: () => number;
}

const FATAL: ReadonlySet<Problem['kind']> = new Set(['forbidden', 'missing', 'gone', 'invalid', 'conflict']);

/** Follow a stream until `signal` ends it, the server says it is over, or it cannot be had. */
export async function follow(following: Following, signal: AbortSignal): Promise<void> {
  const { open, message, standing, isLast = () => false, endsBy = () => false, refused, silence = 40_000, now = Date.now } = following;
  const wait = following.wait ?? pause;
  const chance = following.chance ?? Math.random;
  let lastId = following.lastId ?? null;
  let failures = 0;
  let since: number | null = null;
  standing({ state: 'connecting' });
  while (!signal.aborted) {
    const attempt = new AbortController();
    const stop = (): void => attempt.abort();
    signal.addEventListener('abort', stop);
    let problem: Problem | null = null;
    try {
      const response = await within(silence, open(lastId, attempt.signal), stop);
      if (!response.ok || response.body === null) {
        problem = problemOf(response.status, response.headers, await response.text());
        if (problem.kind === 'unauthorized' && (await refused?.()) === true) continue;
        if (FATAL.has(problem.kind) || problem.kind === 'unauthorized' || endsBy(problem)) {
          standing({ state: 'ended', problem });
          return;
        }
      } else {
        standing({ state: 'live', resumed: since !== null });
        since = null;
        const frames = new Frames(lastId);
        const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
        for (;;) {
          const { done, value } = await within(silence, reader.read(), stop);
          if (done) break;
          failures = 0; // only what arrives shows that the way is open
          for (const one of frames.push(value)) {
            lastId = one.id;
            message(one);
            if (isLast(one)) {
              attempt.abort();
              standing({ state: 'ended', problem: null });
              return;
            }
          }
        }
      }
    } catch {
      // Cut, silent for too long, or ended by us: below it is tried again unless we ended it.
    } finally {
      signal.removeEventListener('abort', stop);
      attempt.abort();
    }
    if (signal.aborted) return;
    const backOff = Math.min(15_000, 1000 * 2 ** failures) * (0.5 + chance() / 2);
    failures += 1;
    const again = problem?.retryAfter ?? backOff;
    since ??= now();
    standing({ state: 'lost', since, again: now() + again, problem });
    await wait(again, signal);
  }
}

async function within<T>(ms: number, promise: Promise<T>, stop: () => void): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      stop();
      reject(new Error('silent'));
    }, ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done);
  });
}
