// The log of a run as the screen keeps it: opened at its end, followed while the run goes on, filtered, searched.
//
// A log of up to WHOLE lines is read as a whole, and is filtered and searched here. Of a longer one pages are read where
// the reader looks; filters and search ask the server for numbers of lines. It is long: one log from its opening to its
// last line, whose steps share what is known.

import { pulse, session, tabs } from '../../../state/app.svelte';
import type { Query } from '../../../lib/http';
import { isAborted } from '../../../lib/http';
import { isFull, passes } from '../../../lib/problem';
import type { Problem } from '../../../lib/problem';
import { takeSeat } from '../../../lib/pulse';
import { pause } from '../../../lib/sse';
import type { Standing } from '../../../lib/sse';
import { routes } from '../routes';
import type { Level, Lines, Outline } from '../types';
import { Book, View, fits, fitting, foldedIn, lineOf, stepKey } from './book';
import type { Filter, Line, Span } from './book';
import { followRun } from './stream';
import type { Place } from './stream';
import { lowered } from './text';

export const WHOLE = 5000; // lines that are real elements, so that the browser's own find works
const PAGE = 1000; // the most that the API gives
const STEP = PAGE - 10; // pages asked for around a line overlap a little
const EVERY = 2000; // ms between two requests for newer lines, where there is no stream
const AT_ONCE = 100; // lines that come onto the page in a frame
const MOST = 20; // pages of a filter or a search in a long log

export type LogStanding = Standing | { readonly state: 'polling' } | { readonly state: 'resting' } | { readonly state: 'off' };

const EVERYTHING: Filter = { attempt: null, step: null, levels: new Set() };

export class RunLog {
  readonly id: string;
  book = new Book();
  view = new View(this.book);
  /** Moves whenever rows changed. */
  version = $state(0);
  outline: Outline | null = $state.raw(null);
  problem: Problem | null = $state.raw(null);
  again: number | null = $state(null);
  opened = $state(false);
  /** Every line is known, and there are at most WHOLE. */
  whole = $state(false);
  standing: LogStanding = $state.raw({ state: 'off' });
  filter: Filter = $state.raw(EVERYTHING);
  folded: ReadonlySet<string> = $state.raw(new Set<string>());
  /** The filter of a long log is being answered, or has more lines than are shown. */
  collecting = $state(false);
  cut = $state(false);
  query = $state('');
  hits: readonly number[] = $state.raw([]);
  searching = $state(false);
  moreHits = $state(false);
  /** Levels of lines that came since the outline was read. */
  grown: Readonly<Partial<Record<Level, number>>> = $state.raw({});
  errors: readonly number[] = $state.raw([]);

  readonly #end: AbortSignal;
  #place: Place = { position: null, last: 0 };
  #cursor: string | null = null; // what leads on to newer lines
  #queue: Line[] = [];
  #frame = 0;
  #pages = new Set<number>(); // of a long log, asked for
  #collect: AbortController | null = null;
  #search: AbortController | null = null;
  #following: AbortController | null = null;
  #told: (type: string) => void = () => undefined;
  #ended = false;

  constructor(id: string, end: AbortSignal) {
    this.id = id;
    this.#end = end;
    end.addEventListener('abort', () => {
      cancelAnimationFrame(this.#frame);
      this.#collect?.abort();
      this.#search?.abort();
    });
  }

  get count(): number {
    void this.version;
    return this.view.count;
  }

  get total(): number {
    void this.version;
    return this.book.count;
  }

  get isLong(): boolean {
    return this.total > WHOLE;
  }

  /** Read the end of the log, and all of it if it is not long. Tried again until there is an answer. */
  async open(): Promise<void> {
    for (let failures = 0; !this.#end.aborted; failures += 1) {
      const problem = await this.#openOnce();
      if (problem === null || this.#end.aborted) return;
      this.problem = problem;
      if (!passes(problem)) return;
      const wait = problem.retryAfter ?? Math.min(15_000, 2000 * 2 ** failures);
      this.again = Date.now() + wait;
      await pause(wait, this.#end);
      this.again = null;
    }
  }

  async #openOnce(): Promise<Problem | null> {
    const [outline, tail] = await Promise.all([
      routes.outline(session, this.id, this.#end),
      routes.lines(session, this.id, { order: 'newest', limit: PAGE }, this.#end),
    ]);
    if (!outline.ok) return outline.problem;
    if (!tail.ok) return tail.problem;
    const lines = tail.data.items.map(lineOf);
    const cleared = outline.data.gaps.find((gap) => gap.reason === 'cleared')?.lines ?? 0;
    this.book = new Book();
    this.view = new View(this.book);
    const last = Math.max(cleared, lines[0]?.number ?? 0, ...outline.data.attempts.map((one) => one.last));
    this.book.bounds(cleared + 1, last);
    this.book.put(lines);
    this.#pages = new Set();
    this.#place = { position: tail.data.items[0]?.position ?? null, last };
    this.#cursor = tail.data.previousCursor;
    this.outline = outline.data;
    this.errors = outline.data.errors;
    this.grown = {};
    this.#shown();
    this.problem = null;
    this.opened = true;
    if (!this.isLong && !this.book.isWhole()) {
      const problem = await this.#readBack(tail.data.nextCursor);
      if (problem !== null) return problem;
    }
    this.whole = !this.isLong && this.book.isWhole();
    if (this.whole || this.filter !== EVERYTHING) this.refilter();
    if (this.query !== '') void this.search(this.query);
    return null;
  }

  /** Read on from newest to oldest until the first line. */
  async #readBack(from: string | null): Promise<Problem | null> {
    for (let cursor = from; cursor !== null; ) {
      const page = await routes.lines(session, this.id, { order: 'newest', limit: PAGE, cursor }, this.#end);
      if (!page.ok) return page.problem;
      const lines = page.data.items.map(lineOf);
      this.book.put(lines);
      this.view.touched(lines.map((line) => line.number));
      this.version += 1;
      cursor = page.data.nextCursor;
    }
    return null;
  }

  /** Read the lines around these numbers of a long log, if they are not known. */
  async ensure(from: number, to: number): Promise<void> {
    const missing = this.book.missing(from, to);
    if (missing === null || this.#end.aborted) return;
    const at = Math.floor((missing - this.book.first) / STEP);
    if (this.#pages.has(at)) return;
    this.#pages.add(at);
    const around = this.book.first + at * STEP + PAGE / 2;
    const page = await routes.lines(session, this.id, { around, limit: PAGE }, this.#end);
    if (page.ok) {
      const lines = page.data.items.map(lineOf);
      this.book.put(lines);
      this.view.touched(lines.map((line) => line.number));
      this.version += 1;
      this.problem = null;
      await this.ensure(from, to); // what lies across two pages
    } else if (!isAborted(page.problem)) {
      this.problem = page.problem;
      this.again = Date.now() + (page.problem.retryAfter ?? 3000);
      await pause(page.problem.retryAfter ?? 3000, this.#end);
      this.again = null;
      this.#pages.delete(at);
      this.version += 1; // what is looked at asks again
    }
  }

  /** Follow the run to its end; `told` hears of what else happens to it. */
  follow(told: (type: string) => void): void {
    this.#told = told;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const isOver = (): boolean => this.#end.aborted || (this.#ended && this.standing.state === 'ended');
    const begin = (): void => {
      if (this.#following !== null || isOver()) return;
      this.#following = new AbortController();
      void this.#follow(this.#following.signal);
    };
    const stop = (): void => {
      this.#following?.abort();
      this.#following = null;
    };
    const ignore = tabs.visibility((visible) => {
      clearTimeout(timer);
      if (visible) begin();
      else {
        timer = setTimeout(() => {
          if (isOver()) return;
          stop();
          this.standing = { state: 'resting' };
        }, 60_000);
      }
    });
    this.#end.addEventListener('abort', () => {
      clearTimeout(timer);
      ignore();
      stop();
      if (this.standing.state !== 'ended') this.standing = { state: 'off' };
    });
    begin();
  }

  async #follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const stream = new AbortController(); // ends with the stream, and frees its seat
      const stop = (): void => stream.abort();
      signal.addEventListener('abort', stop);
      const seated = (await takeSeat(tabs, stream.signal)) || (await this.#poll(signal, () => takeSeat(tabs, stream.signal)));
      const goesOn = seated && (await this.#streamed(stream, signal));
      stream.abort();
      signal.removeEventListener('abort', stop);
      if (!goesOn) return;
    }
  }

  /** Follow one stream to its end; true: there may be another. */
  async #streamed(stream: AbortController, signal: AbortSignal): Promise<boolean> {
    let broken = false;
    const begun = Date.now();
    const over = await followRun(
      session,
      this.id,
      this.#place,
      {
        lines: (lines) => this.#came(lines),
        event: (type) => {
          if (!this.#end.aborted) this.#told(type);
        },
        broken: () => {
          broken = true;
          stream.abort();
        },
        standing: (standing) => {
          if (standing.state === 'connecting' && this.standing.state === 'polling') return;
          this.standing = standing.state === 'lost' ? { ...standing, since: standing.since + session.skew } : standing;
        },
      },
      stream.signal,
    );
    if (broken) {
      await this.open();
      return true;
    }
    if (stream.signal.aborted) return false;
    if (over === 'ended') {
      await this.#settle();
      return false;
    }
    if (this.standing.state !== 'ended') return false;
    const { problem } = this.standing;
    if (problem === null) {
      const used = session.credential();
      if (!(await session.ended(used))) return false;
      // A credential that is over for the stream and good for all else, as by two clocks: it is not asked without end.
      if (used === session.credential() && Date.now() - begun < 5000) await pause(5000, signal);
      return true;
    }
    if (!isFull(problem)) return false;
    // Others have all streams: a while by requests, then a stream is asked for again.
    stream.abort();
    const until = Date.now() + (problem.retryAfter ?? 5000);
    return this.#poll(signal, () => Promise.resolve(Date.now() >= until));
  }

  /** Ask for newer lines every two seconds, where no stream is to be had, until `over` or the end of the run; true: it goes on. */
  async #poll(signal: AbortSignal, over: () => Promise<boolean>): Promise<boolean> {
    this.standing = { state: 'polling' };
    for (let wait = EVERY; ; ) {
      await pause(wait, signal);
      if (signal.aborted) return false;
      const ended = this.#ended; // before asking: the answer then has the last line
      const query: Query = { order: 'oldest', limit: PAGE, cursor: this.#cursor };
      const page = await routes.lines(session, this.id, query, signal);
      if (signal.aborted) return false;
      if (page.ok) {
        this.#take(page.data);
        if (ended) {
          await this.#settle();
          this.standing = { state: 'ended', problem: null };
          return false;
        }
      } else if (!passes(page.problem)) {
        this.standing = { state: 'ended', problem: page.problem };
        return false;
      }
      wait = page.ok ? EVERY : (page.problem.retryAfter ?? EVERY);
      if (await over()) return true;
    }
  }

  #take(page: Lines): void {
    // Where no more are there by now, the other side of this page is asked from: what is known is left out below.
    this.#cursor = page.nextCursor ?? page.previousCursor ?? this.#cursor;
    const lines = page.items.map(lineOf).filter((line) => line.number > this.#place.last);
    this.#place.last = Math.max(this.#place.last, ...lines.map((line) => line.number));
    this.#place.position = page.items.at(-1)?.position ?? this.#place.position;
    this.#came(lines);
    this.#told('polled');
  }

  /** The run has ended. A stream says so itself; who asks for lines needs to be told. */
  ended(): void {
    this.#ended = true;
  }

  /** The run has ended: see that nothing is missing. */
  async #settle(): Promise<void> {
    this.#paint();
    const outline = await routes.outline(session, this.id, this.#end);
    if (!outline.ok) return;
    const last = Math.max(0, ...outline.data.attempts.map((one) => one.last));
    this.outline = outline.data;
    this.errors = outline.data.errors;
    this.grown = {};
    if (last !== this.book.last && outline.data.lines > 0) await this.open();
  }

  #came(lines: readonly Line[]): void {
    for (const line of lines) this.#queue.push(line);
    if (this.#frame !== 0 || this.#queue.length === 0) return;
    // Once a frame; a hidden page has no frames, and takes in what came when it is shown again.
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      if (pulse.paused) return this.#later();
      this.#paint(this.isLong ? Infinity : AT_ONCE); // of a long log only the window is drawn
      this.#came([]);
    });
  }

  #later(): void {
    setTimeout(() => {
      if (!this.#end.aborted && this.#frame === 0) this.#came([]);
    }, 250);
  }

  #paint(most = Infinity): void {
    const lines = this.#queue.slice(0, most);
    if (lines.length === 0) return;
    this.#queue = this.#queue.slice(most);
    this.book.put(lines);
    const grown = { ...this.grown };
    const errors: number[] = [];
    for (const line of lines) {
      grown[line.level] = (grown[line.level] ?? 0) + 1;
      if (line.level === 'error') errors.push(line.number);
    }
    this.grown = grown;
    if (errors.length > 0 && this.errors.length < 1000) this.errors = [...this.errors, ...errors];
    if (this.whole && this.isLong) {
      this.whole = false; // it has outgrown the page: rows become a window
      this.folded = new Set();
      this.refilter();
    } else if (this.folded.size > 0) this.refilter();
    else this.view.append(this.filter === EVERYTHING ? lines.map((line) => line.number) : this.#thoseThatFit(lines));
    if (this.query !== '') {
      const wanted = lowered(this.query);
      const found = lines.filter((line) => fits(line, this.filter) && this.book.has(line, wanted));
      if (found.length > 0) this.hits = [...this.hits, ...found.map((line) => line.number)];
    }
    this.version += 1;
  }

  #thoseThatFit(lines: readonly Line[]): number[] {
    return lines.filter((line) => fits(line, this.filter)).map((line) => line.number);
  }

  narrow(filter: Filter): void {
    const none = filter.attempt === null && filter.step === null && filter.levels.size === 0;
    this.filter = none ? EVERYTHING : filter;
    if (this.opened) this.refilter();
    if (this.query !== '') void this.search(this.query);
  }

  fold(keys: ReadonlySet<string>): void {
    this.folded = keys;
    this.refilter();
  }

  /** Of a long log only steps whose lines follow one another can be folded: the lines between are not known. */
  canFold(key: string): boolean {
    return this.whole || (this.filter === EVERYTHING && this.#together.has(key));
  }

  /** Whether there are steps that cannot be folded. */
  get holdsOpen(): boolean {
    return !this.whole && (this.outline?.steps ?? []).some((step) => !this.canFold(stepKey(step)));
  }

  /** Unfold the step that a line is in, so that it is a row. */
  reveal(number: number): void {
    if (this.folded.size === 0 || this.view.holds(number)) return;
    const line = this.book.get(number);
    const within = [...this.#together].find(([, { from, to }]) => from <= number && number <= to)?.[0];
    const key = line === undefined ? within : stepKey(line);
    if (key !== undefined && this.folded.has(key)) this.fold(new Set([...this.folded].filter((one) => one !== key)));
  }

  /** The steps whose lines follow one another, by the outline. */
  get #together(): ReadonlyMap<string, Span> {
    const steps = (this.outline?.steps ?? []).filter(({ first, last, lines }) => last - first + 1 === lines);
    return new Map(steps.map((step) => [stepKey(step), { from: step.first, to: step.last }]));
  }

  refilter(): void {
    this.#collect?.abort();
    this.#collect = null;
    this.collecting = false;
    this.cut = false;
    if (this.filter === EVERYTHING && this.folded.size === 0) this.view.all();
    else if (this.whole) {
      const { numbers, folds } = fitting(this.book, this.filter, this.folded);
      this.view.only(numbers, folds);
    } else if (this.filter === EVERYTHING) {
      const { numbers, folds } = foldedIn(this.book, this.#together, this.folded);
      this.view.only(numbers, folds);
    } else void this.#collectLines();
    this.version += 1;
  }

  #asQuery(): Query {
    return { attempt: this.filter.attempt, step: this.filter.step, level: [...this.filter.levels] };
  }

  /** The lines of a long log that fit, newest pages first. */
  async #collectLines(): Promise<void> {
    const mine = new AbortController();
    this.#collect = mine;
    this.collecting = true;
    this.view.only([]);
    // The newest page is shown at once, all when all are there: each page goes before the others and moves every row.
    const show = (all: readonly number[]): void => {
      // Lines that came meanwhile stay at the end.
      const since = Array.from({ length: Math.max(0, this.book.last - (all[0] ?? this.book.last)) }, (_, n) =>
        this.book.get((all[0] ?? this.book.last) + n + 1),
      ).filter((line) => line !== undefined);
      this.view.only([...all.toReversed(), ...this.#thoseThatFit(since)]);
      this.version += 1;
    };
    let found: readonly number[] = [];
    const newest = await this.#pagesOf({ ...this.#asQuery(), order: 'newest' }, mine.signal, (page, all) => {
      found = all;
      if (page.length === all.length) show(all);
    });
    if (mine.signal.aborted) return;
    show(found);
    this.cut = newest;
    this.collecting = false;
  }

  /** Read pages of what fits; true if there is more than MOST pages hold. */
  async #pagesOf(query: Query, signal: AbortSignal, got: (page: readonly number[], all: readonly number[]) => void): Promise<boolean> {
    const all: number[] = [];
    let cursor: string | null = null;
    for (let n = 0; n < MOST && !signal.aborted; n += 1) {
      const page = await routes.lines(session, this.id, { ...query, limit: PAGE, cursor }, signal);
      if (signal.aborted) return false;
      if (!page.ok) {
        this.problem = page.problem;
        return true;
      }
      this.problem = null;
      const lines = page.data.items.map(lineOf);
      this.book.put(lines);
      this.view.touched(lines.map((line) => line.number));
      all.push(...lines.map((line) => line.number));
      got(
        lines.map((line) => line.number),
        all,
      );
      ({ nextCursor: cursor } = page.data);
      if (cursor === null) return false;
    }
    return true;
  }

  /** Find a text; in a long log the server does. */
  async search(query: string): Promise<void> {
    this.#search?.abort();
    this.query = query;
    this.moreHits = false;
    this.searching = false;
    if (query === '' || !this.opened) {
      this.hits = [];
      return;
    }
    if (this.whole) {
      const wanted = lowered(query);
      const { numbers } = fitting(this.book, this.filter, new Set());
      this.hits = numbers.filter((number) => {
        const line = this.book.get(number);
        return line !== undefined && this.book.has(line, wanted);
      });
      return;
    }
    const mine = new AbortController();
    this.#search = mine;
    this.searching = true;
    await pause(200, mine.signal); // while it is typed
    if (mine.signal.aborted) return;
    this.hits = [];
    const more = await this.#pagesOf({ ...this.#asQuery(), q: query.slice(0, 256), order: 'oldest' }, mine.signal, (_, all) => {
      this.hits = [...all];
    });
    if (mine.signal.aborted) return;
    this.moreHits = more;
    this.searching = false;
    this.version += 1;
  }

  #shown(): void {
    this.version += 1;
  }
}
