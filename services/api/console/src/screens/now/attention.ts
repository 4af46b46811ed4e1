// What needs a person, by all that is known: pure, so that each rule can be tried. Most severe first, at most twelve lines,
// and of one kind at most four: what is many is told in one more sentence, and nothing is left out of the count.

import { word } from '../../lib/shell';
import type { Place } from '../../lib/address';
import type { Fate } from '../../lib/fates';
import type { JobRow } from '../../lib/jobs';
import type { Breach, ExecutorState, Me, Pulse, QueueState, Verified, WorkerState } from '../../lib/types';
import { ACTION, FOLDED, SAID } from '../../messages/now';
import { isLong, runningFor } from '../jobs/standing';
import { masked } from '../run/compare/mask';

export const MOST = 12;
export const MOST_OF_A_KIND = 4;

/** Most severe first. */
export const KINDS = [
  'store',
  'unled',
  'workerless',
  'full',
  'hole',
  'pending',
  'failing',
  'slow',
  'queue',
  'executor',
  'worker',
  'memory',
  'behind',
  'check',
  'key',
] as const;
export type Kind = (typeof KINDS)[number];

export type Action =
  | { readonly as: 'link'; readonly text: string; readonly to: Place; readonly search: string }
  | { readonly as: 'copy'; readonly text: string; readonly line: string }
  | { readonly as: 'resume'; readonly text: string; readonly queue: string; readonly waiting: number };

export interface Need {
  readonly key: string;
  readonly kind: Kind;
  /** How it is marked; `warn` where no instant is meant. */
  readonly shape: Fate | 'warn';
  readonly subject: string;
  /** Goes on after the subject; times are RFC 3339. */
  readonly text: string;
  /** What a job said last: its error. */
  readonly detail: string | null;
  readonly action: Action | null;
  /** How many jobs, queues or workers it is about. */
  readonly count: number;
}

export interface Known {
  readonly now: number; // by the server's clock
  readonly rows: readonly JobRow[] | null;
  readonly proof: Verified | null; // of the last day
  readonly pulse: Pulse | null;
  readonly queues: readonly QueueState[] | null;
  readonly rising: ReadonlyMap<string, Rise>;
  readonly workers: readonly WorkerState[] | null;
  readonly executors: readonly ExecutorState[] | null;
  readonly checks: ReadonlyMap<string, string> | null; // of /readyz, those that found something
  readonly me: Me | null;
}

/** More wait than `ago` ms before. */
export interface Rise {
  readonly more: number;
  readonly ago: number;
}

export interface Attention {
  readonly needs: readonly Need[];
  /** How many had no room. */
  readonly more: number;
}

const PENDING = 30_000;
const WAITING = 120_000;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const KEY_LEFT = 14 * DAY;
const TOKEN_LEFT = 900_000; // tokens are short-lived by nature
const FULL = 0.95;
const NEAR = 0.8;
const BEHIND = 10_000;
/** Checks of /readyz that have a kind of their own. */
const TOLD_ELSEWHERE: ReadonlySet<string> = new Set(['redis', 'postgres', 'writes']);

export function attention(known: Known): Attention {
  const all: Record<Kind, readonly Need[]> = {
    store: stores(known),
    unled: unled(known),
    workerless: workerless(known),
    full: full(known),
    hole: holes(known),
    pending: pending(known),
    failing: failing(known),
    slow: slow(known),
    queue: queues(known),
    executor: executors(known),
    worker: workers(known),
    memory: memory(known),
    behind: behind(known),
    check: checks(known),
    key: key(known),
  };
  const needs = KINDS.flatMap((kind) => folded(kind, all[kind]));
  return { needs: needs.slice(0, MOST), more: Math.max(0, needs.length - MOST) };
}

/** Of one kind: all, or the worst and how many more there are. */
function folded(kind: Kind, needs: readonly Need[]): readonly Need[] {
  const fold = FOLDED[kind];
  if (needs.length <= MOST_OF_A_KIND || fold === undefined) return needs;
  const shown = needs.slice(0, MOST_OF_A_KIND - 1);
  const first = needs[MOST_OF_A_KIND - 1];
  if (first === undefined) return shown;
  const count = needs.slice(shown.length).reduce((sum, need) => sum + need.count, 0);
  const rest = { ...bare(kind, `${kind}:more`), shape: first.shape, text: fold(count), count };
  return [...shown, { ...rest, action: MORE[kind] ?? null }];
}

const bare = (kind: Kind, key: string): Need => ({
  key,
  kind,
  shape: 'warn',
  subject: '',
  text: '',
  detail: null,
  action: null,
  count: 1,
});

const jobsBy = (search: string): Action => ({ as: 'link', text: ACTION.jobs, to: { screen: 'jobs' }, search });
const copy = (line: string): Action => ({ as: 'copy', text: ACTION.copy, line });
const MORE: Readonly<Partial<Record<Kind, Action>>> = {
  hole: jobsBy('?health=missing'),
  pending: jobsBy('?health=undecided'),
  failing: jobsBy('?health=failing'),
  slow: jobsBy('?health=slow'),
  queue: copy('waterclock queue list'),
  executor: copy('waterclock fleet executors'),
  worker: copy('waterclock fleet workers'),
  check: copy('waterclock doctor'),
};

const nameOf = (row: JobRow): string => `${row.group}/${row.name}`;
const openJob = (id: string, at: string | null = null): Action => ({
  as: 'link',
  text: at === null ? ACTION.job : ACTION.explain,
  to: { screen: 'job', id },
  search: at === null ? '' : `?at=${encodeURIComponent(at)}`,
});
/** All of them as one range, which the Job screen can make up for. */
function openRange(id: string, breaches: readonly Breach[]): Action {
  const from = Math.min(...breaches.map((one) => Date.parse(one.after))) + 1;
  const till = Math.max(...breaches.map((one) => Date.parse(one.through))) + 1;
  const search = new URLSearchParams({ at: new Date(from).toISOString(), till: new Date(till).toISOString() });
  return { as: 'link', text: ACTION.explain, to: { screen: 'job', id }, search: `?${search.toString()}` };
}
const openRun = (id: string): Action => ({ as: 'link', text: ACTION.run, to: { screen: 'run', id }, search: '' });

function stores({ checks }: Known): Need[] {
  return (['redis', 'postgres'] as const).flatMap((store) => {
    const said = checks?.get(store);
    if (said === undefined) return [];
    const subject = store === 'redis' ? 'Redis' : 'Postgres';
    const text = SAID.store[store](said);
    return [{ ...bare('store', `store:${store}`), subject, text, action: copy('waterclock doctor') }];
  });
}

function unled({ pulse, checks }: Known): Need[] {
  // Without Redis nobody can lead.
  if (pulse?.led !== false || checks?.has('redis') === true) return [];
  const detail = checks?.get('schedules') ?? null;
  return [{ ...bare('unled', 'unled'), shape: 'missing', subject: 'No scheduler', text: SAID.unled, detail, action: copy('waterclock doctor') }];
}

function workerless({ pulse, rows }: Known): Need[] {
  if (pulse?.workers.live !== 0 || (rows?.length ?? 0) === 0) return [];
  const waiting = pulse.queues.reduce((sum, queue) => sum + (queue.waiting ?? 0), 0);
  return [{ ...bare('workerless', 'workerless'), subject: 'No live worker', text: SAID.workerless(waiting), action: copy('waterclock worker') }];
}

function shareOf(pulse: Pulse | null): number | null {
  const memory = pulse?.memory;
  return memory?.max != null && memory.max > 0 ? memory.used / memory.max : null;
}

function full({ checks }: Known): Need[] {
  const said = checks?.get('writes');
  if (said === undefined) return [];
  return [{ ...bare('full', 'full'), subject: 'Redis', text: SAID.full(`${said}.`), action: copy('waterclock doctor') }];
}

function memory({ pulse, checks }: Known): Need[] {
  const share = shareOf(pulse);
  if (share === null || share < NEAR || checks?.has('writes') === true) return [];
  const { used, max } = pulse?.memory ?? { used: 0, max: 0 };
  return [
    {
      ...bare(share >= FULL ? 'full' : 'memory', 'memory'),
      subject: 'Redis',
      text: SAID.memory(share, used, max ?? 0),
      action: copy('waterclock doctor'),
    },
  ];
}

function holes({ proof, rows }: Known): Need[] {
  if (proof === null) return [];
  const byId = new Map((rows ?? []).map((row) => [row.id, row]));
  const told = (what: 'hole' | 'double' | 'stray', breaches: readonly Breach[]): Need[] => {
    const ofJobs = grouped(breaches, (breach) => breach.jobId);
    return [...ofJobs].map(([id, some]) => {
      const row = byId.get(id);
      const last = some.reduce((a, b) => (a.through > b.through ? a : b));
      const count = some.reduce((sum, breach) => sum + breach.instants, 0);
      return {
        ...bare('hole', `${what}:${id}`),
        shape: what === 'hole' ? 'missing' : what,
        subject: row === undefined ? id : nameOf(row),
        text: SAID[what](count, last.through),
        action: count > 1 ? openRange(id, some) : openJob(id, last.through),
      } satisfies Need;
    });
  };
  return [...told('hole', proof.holes), ...told('double', proof.doubles), ...told('stray', proof.strays)];
}

function pending({ rows, pulse, now }: Known): Need[] {
  const age = (at: string | null): number => (at === null ? -1 : now - Date.parse(at));
  const late = (rows ?? []).filter((row) => age(row.pendingSince) >= PENDING);
  late.sort((a, b) => age(b.pendingSince) - age(a.pendingSince));
  if (late.length === 0) {
    const oldest = pulse?.oldestPending ?? null;
    if (oldest === null || age(oldest) < PENDING) return [];
    const text = SAID.anyPending(oldest, age(oldest));
    return [{ ...bare('pending', 'pending'), shape: 'pending', subject: 'A scheduled time', text, action: jobsBy('?health=undecided') }];
  }
  return late.map((row) => {
    const since = row.pendingSince ?? '';
    return {
      ...bare('pending', `pending:${row.id}`),
      shape: 'pending',
      subject: nameOf(row),
      text: SAID.pending(since, age(since)),
      action: openJob(row.id, since),
    };
  });
}

function failing({ rows }: Known): Need[] {
  const bad = (rows ?? []).filter((row) => row.enabled && row.streak < 0);
  const alike = [...grouped(bad, (row) => (row.lastError === null ? row.id : masked(row.lastError))).values()];
  const groups = alike.map((some) => some.toSorted((a, b) => a.streak - b.streak || compare(a.streakSince, b.streakSince)));
  groups.sort(([a], [b]) => (a?.streak ?? 0) - (b?.streak ?? 0) || compare(a?.streakSince, b?.streakSince));
  return groups.flatMap((some) => {
    const [worst, ...others] = some;
    if (worst === undefined) return [];
    const since = some.reduce<string | null>((least, row) => (compare(row.streakSince, least) < 0 ? row.streakSince : least), null);
    return [
      {
        ...bare('failing', `failing:${worst.id}`),
        shape: worst.lastStatus === 'timedOut' || worst.lastStatus === 'died' ? worst.lastStatus : 'failed',
        subject: others.length === 0 ? nameOf(worst) : `${nameOf(worst)} and ${others.length} more`,
        text: others.length === 0 ? SAID.failed(-worst.streak, since) : SAID.failedAlike(-worst.streak, since),
        detail: worst.lastError,
        count: some.length,
        action: others.length > 0 ? jobsBy('?health=failing') : isBad(worst) ? openRun(worst.lastRunId ?? '') : openJob(worst.id),
      } satisfies Need,
    ];
  });
}

/** Whether the last run of the job is one of those that failed; a newer one may be under way. */
const isBad = (row: JobRow): boolean =>
  row.lastRunId !== null && (row.lastStatus === 'failed' || row.lastStatus === 'timedOut' || row.lastStatus === 'died');

function grouped<T>(all: readonly T[], keyOf: (one: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const one of all) {
    const key = keyOf(one);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [one]);
    else group.push(one);
  }
  return groups;
}

/** Absent sorts last. */
function compare(a: string | null | undefined, b: string | null | undefined): number {
  if (a == null || b == null) return a == null ? (b == null ? 0 : 1) : -1;
  return a < b ? -1 : a > b ? 1 : 0;
}

function slow({ rows, now }: Known): Need[] {
  const long = (rows ?? []).flatMap((row) => {
    const length = runningFor(row, now);
    return length !== null && row.medianMs !== null && isLong(length, row.medianMs)
      ? [{ row, length, median: row.medianMs }]
      : [];
  });
  long.sort((a, b) => b.length / Math.max(1, b.median) - a.length / Math.max(1, a.median));
  return long.map(({ row, length, median }) => ({
    ...bare('slow', `slow:${row.id}`),
    shape: 'running',
    subject: nameOf(row),
    text: SAID.slow(length, median),
    action: row.lastRunId === null ? openJob(row.id) : openRun(row.lastRunId),
  }));
}

function queues({ queues: states, rising }: Known): Need[] {
  const paused = (states ?? []).filter((queue) => queue.paused);
  const behind = (states ?? []).filter(
    (queue) => !queue.paused && queue.waiting > 0 && ((queue.oldestWaitMs ?? 0) >= WAITING || rising.has(queue.name)),
  );
  paused.sort((a, b) => b.waiting - a.waiting);
  behind.sort((a, b) => (b.oldestWaitMs ?? 0) - (a.oldestWaitMs ?? 0));
  const told = (queue: QueueState): Need => ({
    ...bare('queue', `queue:${queue.name}`),
    shape: 'waiting',
    subject: `Queue ${queue.name}`,
  });
  return [
    ...behind.map((queue) => {
      const rise = rising.get(queue.name);
      const oldest = queue.oldestWaitMs ?? 0;
      const text =
        oldest < WAITING && rise !== undefined
          ? SAID.rising(queue.waiting, rise.more, rise.ago)
          : SAID.slack(queue.waiting, oldest, queue.startedPerMinute);
      return { ...told(queue), text, action: jobsBy(`?queue=${encodeURIComponent(queue.name)}`) };
    }),
    ...paused.map((queue) => ({
      ...told(queue),
      text: SAID.paused(queue.waiting, queue.oldestWaitMs),
      action: { as: 'resume' as const, text: ACTION.resume, queue: queue.name, waiting: queue.waiting },
    })),
  ];
}

function executors({ rows, workers: states, executors: known, now }: Known): Need[] {
  const live = (states ?? []).filter((worker) => worker.status === 'live');
  if (states === null || live.length === 0) return []; // that no worker lives is told already
  const names = new Map<string, readonly string[]>();
  for (const one of known ?? []) {
    for (const name of [one.key, ...one.aliases]) names.set(name, [one.key, ...one.aliases]);
  }
  const served = (executor: string, queue: string): boolean =>
    live.some(
      (worker) =>
        worker.queues.includes(queue) &&
        (worker.takesAny === true || (names.get(executor) ?? [executor]).some((name) => worker.executors.includes(name))),
    );
  const needing = (rows ?? []).filter((row) => row.enabled && (row.nextFireAt !== null || row.isRunning));
  const groups = grouped(needing, (row) => JSON.stringify([row.executor, row.queue]));
  const missing = [...groups.values()].filter(([row]) => row !== undefined && !served(row.executor, row.queue));
  const soonest = (some: readonly JobRow[]): string | null =>
    some.reduce<string | null>((least, row) => (compare(row.nextFireAt, least) < 0 ? row.nextFireAt : least), null);
  missing.sort((a, b) => compare(soonest(a), soonest(b)));
  return missing.flatMap((some) => {
    const [row] = some;
    if (row === undefined) return [];
    const next = soonest(some);
    return [
      {
        ...bare('executor', `executor:${row.executor}:${row.queue}`),
        subject: `Executor ${row.executor}`,
        text: SAID.executor(some.length, row.queue, next !== null && Date.parse(next) > now ? next : null),
        action: jobsBy(`?executor=${encodeURIComponent(row.executor)}&queue=${encodeURIComponent(row.queue)}`),
      },
    ];
  });
}

function workers({ workers: states, pulse, now }: Known): Need[] {
  const action = copy('waterclock fleet workers');
  const silent = (states ?? []).filter((worker) => worker.status === 'silent');
  const needs: Need[] = silent.map((worker) => ({
    ...bare('worker', `silent:${worker.id}`),
    subject: `Worker ${worker.name}`,
    text: SAID.silent(worker.lastReadAt, worker.running),
    action,
  }));
  const lost = (states ?? []).filter(
    (worker) => worker.status === 'lost' && worker.leftAt !== null && now - Date.parse(worker.leftAt) <= HOUR,
  );
  const count = Math.max(lost.length, pulse?.workers.lost ?? 0);
  if (count > 0) {
    const names = [...new Set(lost.map((worker) => worker.name))];
    const subject = names.length > 0 && names.length <= 3 ? `${count === 1 ? 'Worker' : 'Workers'} ${names.join(', ')}` : `${count} ${count === 1 ? 'worker' : 'workers'}`;
    needs.push({ ...bare('worker', 'lost'), subject, text: SAID.lost(count), action });
  }
  return needs;
}

function behind({ pulse }: Known): Need[] {
  const lag = pulse?.projectionLagMs ?? 0;
  if (lag < BEHIND) return [];
  return [{ ...bare('behind', 'behind'), subject: 'The archive', text: SAID.behind(lag), action: copy('waterclock doctor') }];
}

function checks(known: Known): Need[] {
  const isTold = (name: string): boolean =>
    TOLD_ELSEWHERE.has(name) ||
    (name === 'schedules' && (unled(known).length > 0 || pending(known).length > 0)) ||
    (name === 'projection' && behind(known).length > 0);
  return [...(known.checks ?? [])]
    .filter(([name]) => !isTold(name))
    .map(([name, said]) => ({
      ...bare('check', `check:${name}`),
      subject: `The check “${name}” of the API`,
      text: SAID.check(said),
      action: copy('waterclock doctor'),
    }));
}

function key({ me, now }: Known): Need[] {
  if (me === null || me.expiresAt === null) return [];
  const left = Date.parse(me.expiresAt) - now;
  if (left > (me.kind === 'token' ? TOKEN_LEFT : KEY_LEFT)) return [];
  const subject = me.kind === 'token' ? 'The token you signed in with' : `Your key${me.name === null ? '' : ` ${me.name}`}`;
  const action = me.kind === 'key' && me.name !== null ? copy(`waterclock key rotate ${word(me.name)}`) : null;
  return [{ ...bare('key', 'key'), subject, text: SAID.key(me.expiresAt, left), action }];
}
