import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BriefRun, Fires, RunStatus } from '../../lib/types';
import { describe as said } from '../../messages/now';
import { pitchOf } from './painting';
import { byKey, endedOf, isEmpty, movingOf, riverOf, SIDE, stepFor } from './river';

const NOW = Date.parse('2026-11-30T12:00:05Z');
const iso = (at: number): string => new Date(at).toISOString();

const run = (id: string, change: Partial<BriefRun> = {}): BriefRun => ({
  id,
  jobId: 'j',
  jobName: 'hourly',
  jobGroup: 'etl',
  invokeTarget: 'etl.load',
  queue: 'default',
  trigger: 'schedule',
  status: 'succeeded',
  nominalAt: null,
  requestedAt: iso(NOW - 60_000),
  readyAt: null,
  startedAt: iso(NOW - 60_000),
  finishedAt: iso(NOW - 30_000),
  durationMs: 30_000,
  attempt: 1,
  maxAttempts: 1,
  worker: null,
  errorLine: null,
  waitingOn: null,
  waitsFor: null,
  cancelRequestedAt: null,
  labels: {},
  retryOf: null,
  ...change,
});
const firesAt = (times: readonly number[], total = times.length): Fires => ({
  from: iso(NOW),
  to: iso(NOW + SIDE),
  total,
  items: times.map((at) => ({ at: iso(at), jobId: `j${at}`, jobName: 'n', jobGroup: 'g', queue: 'q', note: null })),
  counts: null,
});

describe('the bins', () => {
  it('hold each run and each fire of the two hours once', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -SIDE + 1, max: 0 }), { maxLength: 60 }),
        fc.array(fc.integer({ min: 1, max: SIDE }), { maxLength: 60 }),
        fc.constantFrom(320, 800, 1400),
        fc.nat(7_200_000),
        (past, coming, width, shift) => {
          const now = NOW + shift;
          const ended = endedOf(past.map((at, n) => run(`r${n}`, { finishedAt: iso(now + at) })), [], now);
          const bins = riverOf(ended, firesAt(coming.map((at) => now + at)), null, now, stepFor(width));
          const sum = (of: (bin: (typeof bins)[number]) => number): number => bins.reduce((all, bin) => all + of(bin), 0);
          expect(sum((bin) => bin.ended.length)).toBe(past.length);
          expect(sum((bin) => bin.dueCount)).toBe(coming.filter((at) => now + at < (bins.at(-1)?.to ?? 0)).length);
          bins.slice(1).forEach((bin, n) => expect(bin.from).toBe(bins[n]?.to));
          expect(bins.every((bin) => bin.ended.length === 0 || bin.from <= now)).toBe(true);
        },
      ),
    );
  });

  it('lie on one raster, wherever now is', () => {
    for (const now of [NOW, NOW + 7000, NOW + 29_000]) expect((riverOf([], null, null, now, 30_000)[0]?.from ?? 1) % 30_000).toBe(0);
  });

  it('have the worst on top', () => {
    const statuses: RunStatus[] = ['failed', 'succeeded', 'cancelled', 'died', 'succeeded', 'timedOut'];
    const ended = endedOf(statuses.map((status, n) => run(`r${n}`, { status })), [], NOW);
    const bin = riverOf(ended, null, null, NOW, 30_000).find((one) => !isEmpty(one));
    expect(bin?.ended.map((one) => one.status)).toEqual(['succeeded', 'succeeded', 'cancelled', 'died', 'timedOut', 'failed']);
  });

  it('are counted where not all that is due is named', () => {
    const counts = { ...firesAt([]), total: 900, counts: [400, 500] };
    const bins = riverOf([], firesAt([NOW + 60_000], 900), counts, NOW, 30_000);
    expect(bins.reduce((sum, bin) => sum + bin.dueCount, 0)).toBe(900);
  });

  it('forget what was due and has come', () => {
    expect(riverOf([], firesAt([NOW]), null, NOW, 30_000).every(isEmpty)).toBe(true);
  });
});

describe('what is known of runs', () => {
  it('is theirs within the hour, whatever the clock of the page is', () => {
    const runs = [run('a', { finishedAt: iso(NOW - SIDE) }), run('b'), run('c', { finishedAt: null, status: 'running' })];
    expect(endedOf(runs, [], NOW).map((one) => one.id)).toEqual(['b']);
    expect(movingOf(runs, []).map((one) => one.id)).toEqual(['c']);
  });
});

describe('a place', () => {
  const bins = riverOf(endedOf([run('a'), run('b', { status: 'timedOut' })], [], NOW), firesAt([NOW + 600_000]), null, NOW, 30_000);
  const [first, last] = bins.flatMap((bin, n) => (isEmpty(bin) ? [] : [n]));
  const middle = bins.findIndex((bin) => bin.to > NOW);

  it('is gone to by what is there, and no further than the last', () => {
    expect(byKey(bins, 'Home', null, middle)).toBe(first);
    expect(byKey(bins, 'End', null, middle)).toBe(last);
    expect(byKey(bins, 'ArrowRight', first ?? null, middle)).toBe(last);
    expect(byKey(bins, 'ArrowRight', last ?? null, middle)).toBeNull();
    expect(said(bins[first ?? -1] ?? null, () => 'here')).toBe('here: etl/hourly timed out after 30 s, etl/hourly succeeded after 30 s');
    expect(said(bins[last ?? -1] ?? null, () => 'here')).toBe('here: g/n is due');
  });

  it('at the needle is not passed over, on the way back or on', () => {
    const ended = endedOf([run('a', { finishedAt: iso(NOW - 1000) })], [], NOW);
    const both = riverOf(ended, firesAt([NOW + 1000]), null, NOW, 30_000);
    expect(byKey(both, 'ArrowLeft', null, middle)).toBe(middle);
    expect(byKey(both, 'ArrowRight', null, middle)).toBe(middle);
    expect(byKey(riverOf([], firesAt([NOW + 600_000]), null, NOW, 30_000), 'ArrowLeft', null, middle)).toBeNull();
  });
});

it('drops get smaller where many are at once, and then become bars', () => {
  expect(pitchOf(1, 120)).toBe(12);
  expect(pitchOf(15, 120)).toBe(8);
  expect(pitchOf(21, 120)).toBeNull();
});
