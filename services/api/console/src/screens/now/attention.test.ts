import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JobRow } from '../../lib/jobs';
import type { Me, Pulse, QueueState, Verified, WorkerState } from '../../lib/types';
import { attention, KINDS, MOST, MOST_OF_A_KIND } from './attention';
import type { Known } from './attention';

const NOW = Date.parse('2026-11-30T12:00:00Z');
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const before = (ms: number): string => new Date(NOW - ms).toISOString();

const row = (change: Partial<JobRow> = {}): JobRow => ({
  id: 'j1',
  group: 'etl',
  name: 'hourly',
  enabled: true,
  cronExpression: '5 * * * *',
  timezone: 'UTC',
  words: null,
  queue: 'default',
  executor: 'etl.load',
  labels: [],
  version: 1,
  updatedAt: before(HOUR),
  nextFireAt: before(-5 * MINUTE),
  lastRunId: 'j1-1',
  lastStatus: 'succeeded',
  lastNominalAt: before(HOUR),
  lastStartedAt: before(HOUR),
  lastFinishedAt: before(HOUR - MINUTE),
  lastDurationMs: MINUTE,
  streak: 3,
  streakSince: before(3 * HOUR),
  lastError: null,
  medianMs: MINUTE,
  pendingSince: null,
  isRunning: false,
  brokenSince: null,
  text: '',
  ...change,
});
const proof: Verified = {
  from: before(24 * HOUR),
  to: before(0),
  jobs: 1,
  instants: 24,
  fired: 24,
  skipped: 0,
  coalesced: 0,
  pending: 0,
  oldestPending: null,
  holes: [],
  doubles: [],
  strays: [],
  tzdataChanged: [],
  failedRuns: 0,
  forgottenBefore: null,
  ok: true,
};
const pulse: Pulse = {
  at: before(0),
  decidedThrough: before(0),
  lagMs: 0,
  oldestPending: null,
  led: true,
  queues: [],
  workers: { live: 1, silent: 0, lost: 0 },
  memory: null,
  jobs: [],
  runs: [],
  many: false,
  ended: {},
  projectionLagMs: 0,
};
const queue = (change: Partial<QueueState> = {}): QueueState => ({
  name: 'default',
  paused: false,
  waiting: 0,
  delayed: 0,
  blocked: 0,
  running: 0,
  oldestWaitMs: null,
  startedPerMinute: 0,
  ...change,
});
const worker = (change: Partial<WorkerState> = {}): WorkerState => ({
  id: 'w1-1',
  name: 'w1',
  queues: ['default'],
  running: 0,
  executors: ['etl.load'],
  lastReadAt: before(1000),
  leftAt: null,
  status: 'live',
  takesAny: false,
  ...change,
});
const me: Me = {
  name: 'viewer',
  kind: 'key',
  scopes: ['list'],
  expiresAt: null,
  asked: true,
  now: before(0),
  version: '1',
  keptFrom: null,
  defaultTimezone: null,
  limits: { requestsPerSecond: null, bodyBytes: 1, streams: 1 },
};
const well: Known = {
  now: NOW,
  rows: [row()],
  proof,
  pulse,
  queues: [queue()],
  rising: new Map(),
  workers: [worker()],
  executors: [{ key: 'etl.load', aliases: [] }],
  checks: new Map(),
  me,
};
const told = (change: Partial<Known>): string[] =>
  attention({ ...well, ...change }).needs.map((need) => `${need.subject} ${need.text}`);
const breach = (jobId: string, instants = 1) => ({ jobId, after: before(2 * HOUR), through: before(HOUR), instants, text: '' });

describe('nothing', () => {
  it('is said where all is well', () => expect(attention(well)).toEqual({ needs: [], more: 0 }));
  it('is said where nothing is known', () => {
    const known = { ...well, rows: null, proof: null, pulse: null, queues: null, workers: null, executors: null, checks: null, me: null };
    expect(attention(known).needs).toEqual([]);
  });
});

describe('each rule', () => {
  it.each<[string, Partial<Known>, string]>([
    ['a store is away', { checks: new Map([['redis', 'does not answer']]) }, 'Redis is away (does not answer): nothing is decided'],
    ['Postgres is away', { checks: new Map([['postgres', 'does not answer']]) }, 'Postgres is away (does not answer): lists'],
    ['nobody leads', { pulse: { ...pulse, led: false } }, 'No scheduler leads every part'],
    ['a hole', { proof: { ...proof, holes: [breach('j1', 2)] } }, 'etl/hourly has 2 scheduled times in the last day that nothing was decided for'],
    ['a broken chain', { proof: { ...proof, holes: [breach('j1', 0)] } }, 'etl/hourly has a break in its decisions'],
    ['a double of a deleted job', { proof: { ...proof, doubles: [breach('gone')] } }, 'gone was decided twice for 1 scheduled time'],
    ['a stray', { proof: { ...proof, strays: [breach('j1')] } }, 'etl/hourly has 1 decision in the last day for times that were not due'],
    ['an undecided instant', { rows: [row({ pendingSince: before(30_000) })] }, 'etl/hourly was due at 2026-11-30T11:59:30.000Z, 30 s ago'],
    ['one that only the pulse knows', { pulse: { ...pulse, oldestPending: before(MINUTE) } }, 'A scheduled time was due at'],
    ['no worker', { pulse: { ...pulse, workers: { live: 0, silent: 0, lost: 0 } } }, 'No live worker is there'],
    ['a full store', { checks: new Map([['writes', 'at its limit']]) }, 'Redis is full: at its limit.'],
    ['a streak', { rows: [row({ streak: -6, lastStatus: 'failed' })] }, 'etl/hourly has failed 6 times in a row, since 2026-11-30T09:00:00.000Z.'],
    ['as far as streaks are counted', { rows: [row({ streak: -20 })] }, '20 times and more in a row'],
    ['one failure', { rows: [row({ streak: -1, streakSince: null })] }, 'etl/hourly did not succeed at its last run.'],
    [
      'a run far over its time',
      { rows: [row({ isRunning: true, lastStatus: 'running', lastStartedAt: before(10 * MINUTE) })] },
      'etl/hourly runs for 10 minutes; it usually takes 1 minute.',
    ],
    ['a paused queue', { queues: [queue({ paused: true, waiting: 2, oldestWaitMs: 9 * MINUTE })] }, 'Queue default is paused: 2 runs wait in it, the oldest for 9 min.'],
    ['a paused queue that holds nothing', { queues: [queue({ paused: true })] }, 'Nothing waits in it.'],
    ['a slow queue', { queues: [queue({ waiting: 3, oldestWaitMs: 2 * MINUTE, startedPerMinute: 4 })] }, 'is behind: 3 runs wait, the oldest for 2 min; 4 started'],
    [
      'a queue that rises',
      { queues: [queue({ waiting: 30 })], rising: new Map([['default', { more: 20, ago: 5 * MINUTE }]]) },
      'Queue default rises: 30 runs wait, 20 more than 5 min ago.',
    ],
    ['an executor that none has', { rows: [row({ executor: 'ml.train' })] }, 'Executor ml.train has no live worker on queue default: 1 job needs one, next at'],
    ['an executor on another queue', { rows: [row({ queue: 'low' })] }, 'Executor etl.load has no live worker on queue low'],
    ['a silent worker', { workers: [worker(), worker({ id: 'w2-1', name: 'w2', status: 'silent', running: 2 })] }, 'Worker w2 is silent, last heard at 2026-11-30T11:59:59.000Z; it holds 2 runs.'],
    ['a lost worker', { workers: [worker(), worker({ id: 'w2-1', name: 'w2', status: 'lost', leftAt: before(MINUTE) })] }, 'Worker w2 was lost in the last hour'],
    ['memory', { pulse: { ...pulse, memory: { used: 850 * 2 ** 20, max: 1000 * 2 ** 20 } } }, 'Redis uses 85 % of its memory, 850 MiB of 1000 MiB.'],
    ['old lists', { pulse: { ...pulse, projectionLagMs: 12_000 } }, 'The archive is 12 s behind'],
    ['another check', { checks: new Map([['clocks', 'Redis is 3 s ahead']]) }, 'The check “clocks” of the API is not well: Redis is 3 s ahead.'],
    ['a key', { me: { ...me, expiresAt: before(-3 * 24 * HOUR) } }, 'Your key viewer expires 2026-12-03T12:00:00.000Z, in 3 d.'],
  ])('%s', (_, change, text) => {
    const lines = told(change);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(text);
  });

  it.each<[string, Partial<Known>]>([
    ['an instant of a moment ago', { rows: [row({ pendingSince: before(29_000) })] }],
    ['a disabled job that failed', { rows: [row({ enabled: false, nextFireAt: null, streak: -6 })] }],
    ['a run somewhat over its time', { rows: [row({ isRunning: true, lastStatus: 'running', lastStartedAt: before(1.5 * MINUTE) })] }],
    ['a queue that has just begun to wait', { queues: [queue({ waiting: 3, oldestWaitMs: MINUTE })] }],
    ['an executor by an alias', { rows: [row({ executor: 'old.load' })], executors: [{ key: 'etl.load', aliases: ['old.load'] }] }],
    ['a worker that takes any', { rows: [row({ executor: 'x' })], workers: [worker({ takesAny: true })] }],
    ['the executor of a disabled job', { rows: [row({ executor: 'x', enabled: false, nextFireAt: null })] }],
    ['a worker lost long ago', { workers: [worker(), worker({ status: 'lost', leftAt: before(2 * HOUR) })] }],
    ['a key that holds', { me: { ...me, expiresAt: before(-15 * 24 * HOUR) } }],
    ['a token, which is short-lived', { me: { ...me, kind: 'token', expiresAt: before(-HOUR) } }],
    ['memory without a limit', { pulse: { ...pulse, memory: { used: 1e9, max: null } } }],
  ])('leaves %s alone', (_, change) => expect(told(change)).toEqual([]));
});

describe('jobs that fail with the same error', () => {
  const rows = [
    row({ id: 'a', name: 'a', streak: -1, lastError: 'TimeoutError: no answer in 31 s' }),
    row({ id: 'b', name: 'b', streak: -4, lastError: 'TimeoutError: no answer in 30 s' }),
    row({ id: 'c', name: 'c', streak: -2, lastError: 'KeyError: amount' }),
  ];
  it('are one line, the worst of them named', () => {
    const { needs } = attention({ ...well, rows });
    expect(needs.map((need) => need.subject)).toEqual(['etl/b and 1 more', 'etl/c']);
    expect(needs[0]?.text).toContain('up to 4 times in a row');
    expect(needs[0]?.detail).toBe('TimeoutError: no answer in 30 s');
  });
});

it('a hole leads to its instant, a failure to its run', () => {
  const hole = attention({ ...well, proof: { ...proof, holes: [breach('j1')] } }).needs[0];
  expect(hole?.action).toMatchObject({ to: { screen: 'job', id: 'j1' }, search: '?at=2026-11-30T11%3A00%3A00.000Z' });
  const holes = attention({ ...well, proof: { ...proof, holes: [breach('j1', 3)] } }).needs[0];
  expect(holes?.action).toMatchObject({ search: '?at=2026-11-30T10%3A00%3A00.001Z&till=2026-11-30T11%3A00%3A00.001Z' });
  const failed = attention({ ...well, rows: [row({ streak: -1, lastStatus: 'failed' })] }).needs[0];
  expect(failed?.action).toMatchObject({ to: { screen: 'run', id: 'j1-1' } });
  const again = attention({ ...well, rows: [row({ streak: -1, lastStatus: 'running' })] }).needs[0];
  expect(again?.action).toMatchObject({ to: { screen: 'job', id: 'j1' } });
});

describe('many', () => {
  const some = (count: number, change: (n: number) => Partial<JobRow>): JobRow[] =>
    Array.from({ length: count }, (_, n) => row({ id: `j${n}`, name: `n${n}`, ...change(n) }));
  const arbitrary = fc.record({
    failing: fc.nat(9),
    pending: fc.nat(9),
    holes: fc.nat(9),
    paused: fc.nat(9),
    silent: fc.nat(9),
    led: fc.boolean(),
    stores: fc.boolean(),
  });

  it('are at most twelve lines, worst first, and none is left out of the count', () => {
    fc.assert(
      fc.property(arbitrary, ({ failing, pending, holes, paused, silent, led, stores }) => {
        const { needs, more } = attention({
          ...well,
          rows: [
            ...some(failing, (n) => ({ id: `f${n}`, streak: -n - 1, lastStatus: 'failed' })),
            ...some(pending, (n) => ({ id: `p${n}`, pendingSince: before(MINUTE * (n + 1)) })),
          ],
          proof: { ...proof, holes: Array.from({ length: holes }, (_, n) => breach(`h${n}`)) },
          queues: Array.from({ length: paused }, (_, n) => queue({ name: `q${n}`, paused: true, waiting: n })),
          workers: [worker(), ...Array.from({ length: silent }, (_, n) => worker({ id: `s${n}`, status: 'silent' }))],
          pulse: { ...pulse, led },
          checks: new Map(stores ? [['redis', 'away']] : []),
        });
        const places = needs.map((need) => KINDS.indexOf(need.kind));
        expect(needs.length).toBeLessThanOrEqual(MOST);
        expect(places).toEqual(places.toSorted((a, b) => a - b));
        expect(new Set(needs.map((need) => need.key)).size).toBe(needs.length);
        const lines = [failing, pending, holes, paused, silent].map((count) => Math.min(count, MOST_OF_A_KIND));
        expect(needs.length + more).toBe(lines.reduce((sum, count) => sum + count, 0) + (stores || !led ? 1 : 0));
        for (const need of needs) expect(need.text).not.toMatch(/undefined|NaN|null/);
      }),
    );
  });

  it('with the same error are all counted where they are folded', () => {
    const rows = some(12, (n) => ({ streak: -1, lastError: `Error: ${'abcdef'.charAt(Math.floor(n / 2))}` }));
    expect(told({ rows }).at(-1)).toContain('6 more jobs');
  });

  it('of a kind are three and how many more', () => {
    const lines = told({ rows: some(9, (n) => ({ streak: -n - 1, lastError: null })) });
    expect(lines.map((line) => line.split(' ')[0])).toEqual(['etl/n8', 'etl/n7', 'etl/n6', '']);
    expect(lines[3]).toContain('6 more jobs did not succeed at the last run.');
  });
});
