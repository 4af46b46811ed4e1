import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clocksOf, median } from './clocks';
import type { Clocked } from './clocks';
import { barsOf, stretchesOf } from './steps';
import type { Attempt, Queue, Step, Worker } from './types';
import { whyItWaits } from './waiting';

const at = (second: number): string => new Date(Date.UTC(2026, 10, 30, 2) + second * 1000).toISOString();
const NOW = Date.parse(at(100));
const run: Clocked = {
  trigger: 'schedule',
  status: 'succeeded',
  nominalAt: at(0),
  requestedAt: at(1),
  readyAt: null,
  startedAt: at(13),
  finishedAt: at(73),
};
const gaps = (one: Clocked, firstReady: string | null = null, behind = false): unknown[] =>
  clocksOf(one, NOW, firstReady, behind).map(({ key, gap }) => [key, gap && gap.key, gap && gap.ms / 1000]);

describe('the clocks of a run', () => {
  it('name what lies between them', () => {
    expect(gaps(run)).toEqual([
      ['nominal', null, null],
      ['requested', 'decided', 1],
      ['ready', 'held', 0],
      ['started', 'waited', 12],
      ['ended', 'ran', 60],
    ]);
    expect(gaps({ ...run, trigger: 'catchup', readyAt: at(5) })[2]).toEqual(['ready', 'held', 4]);
    expect(gaps({ ...run, trigger: 'catchup' })[1]).toEqual(['requested', 'catchup', 1]);
    expect(gaps(run, null, true)[3]).toEqual(['started', 'behind', 12]);
  });

  it('take the first attempt, though the run tells of its last', () => {
    const retried = { ...run, readyAt: at(40) };
    expect(gaps(retried)[2]).toEqual(['ready', 'held', 0]);
    expect(gaps(retried, at(9))[2]).toEqual(['ready', 'held', 8]);
  });

  it('run on where something goes on, and only there', () => {
    const open = (one: Clocked): unknown[] => clocksOf(one, NOW).filter((clock) => clock.gap?.open).map((clock) => [clock.key, clock.gap?.ms]);
    expect(open({ ...run, status: 'running', finishedAt: null })).toEqual([['ended', 87_000]]);
    expect(open({ ...run, status: 'queued', startedAt: null, finishedAt: null })).toEqual([['started', 99_000]]);
    expect(open({ ...run, status: 'waiting', startedAt: null, finishedAt: null })).toEqual([['ready', 99_000]]);
    expect(open({ ...run, status: 'cancelled', startedAt: null })).toEqual([]);
  });

  it('lie ahead where a run is held back', () => {
    const held = clocksOf({ ...run, status: 'delayed', readyAt: at(160), startedAt: null, finishedAt: null }, NOW);
    expect(held.map(({ ahead, gap }) => [ahead, gap?.open ?? null])).toEqual([[false, null], [false, false], [true, false], [false, null], [false, null]]);
  });

  it('have no time of a schedule where there is none', () => {
    expect(gaps({ ...run, trigger: 'manual', nominalAt: null }).slice(0, 2)).toEqual([['nominal', null, null], ['requested', null, null]]);
  });
});

describe('why a run waits', () => {
  const queued = { status: 'queued', queue: 'reports', readyAt: null, attempt: 0, waitingOn: null, waitsFor: null, invokeTarget: 'http' } as const;
  const queue = { name: 'reports', paused: false, waiting: 4, delayed: 0, blocked: 0, running: 8 } as Queue;
  const worker = { status: 'live', queues: ['reports'], slots: 4, running: 4, executors: [] } as unknown as Worker;

  it('names the first reason that holds', () => {
    expect(whyItWaits({ ...queued, status: 'running' }, [queue], [worker])).toBeNull();
    expect(whyItWaits({ ...queued, status: 'delayed', readyAt: at(9), attempt: 2 }, null, null)).toEqual({ why: 'time', at: at(9), attempt: 2 });
    expect(whyItWaits({ ...queued, status: 'waiting', waitingOn: 'r1' }, null, null)).toEqual({ why: 'behind', run: 'r1' });
    expect(whyItWaits(queued, [{ ...queue, paused: true }], [])).toMatchObject({ why: 'paused' });
    expect(whyItWaits({ ...queued, waitsFor: { executor: 'http', since: at(1) } }, [queue], [worker])).toMatchObject({ why: 'executor', since: at(1) });
    expect(whyItWaits(queued, [queue], [{ ...worker, status: 'lost' }])).toMatchObject({ why: 'noWorker' });
    expect(whyItWaits(queued, [queue], [worker, worker])).toEqual({ why: 'busy', slots: 8, workers: 2, ahead: 3 });
    expect(whyItWaits(queued, [queue], [worker, { ...worker, running: 1 }])).toEqual({ why: 'soon' });
    expect(whyItWaits(queued, null, null)).toEqual({ why: 'unknown' });
  });
});

describe('steps and attempts in time', () => {
  const attempt = (number: number, from: number, to: number | null): Attempt => ({
    number,
    worker: 'w',
    startedAt: at(from),
    finishedAt: to === null ? null : at(to),
    outcome: null,
    error: null,
  });
  const step = (number: number, from: number, to: number | null): Step => ({
    number,
    attempt: 1,
    name: `s${number}`,
    status: 'succeeded',
    startedAt: at(from),
    finishedAt: to === null ? null : at(to),
    progress: null,
    error: null,
  });

  it('lie within their attempt', () => {
    const second = fc.integer({ min: 0, max: 99 });
    fc.assert(
      fc.property(fc.array(fc.tuple(second, second)), (given) => {
        const bars = barsOf(attempt(1, 0, 99), given.map(([from, to], n) => step(n + 1, from, to)), NOW);
        for (const bar of bars) {
          expect(bar.from).toBeGreaterThanOrEqual(0);
          expect(bar.to).toBeLessThanOrEqual(1);
          expect(bar.ms).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });

  it('go on until now while they run, and end with an attempt that was lost', () => {
    expect(barsOf(attempt(1, 0, null), [step(1, 50, null)], NOW)[0]).toMatchObject({ from: 0.5, to: 1, ms: 50_000 });
    expect(barsOf(attempt(1, 0, 80), [step(1, 40, null)], NOW)[0]).toMatchObject({ from: 0.5, to: 1, ms: 40_000 });
  });

  it('have the time between attempts', () => {
    expect(stretchesOf([attempt(1, 0, 10), attempt(2, 30, 40)], NOW)).toMatchObject([
      { from: 0, to: 0.25, gap: 0 },
      { from: 0.75, to: 1, gap: 20_000 },
    ]);
  });
});

it('the middle of lengths', () => {
  expect([median([]), median([5]), median([9, 1]), median([3, 1, 2])]).toEqual([null, 5, 5, 2]);
});
