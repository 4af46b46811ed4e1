import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Run, Step } from '../types';
import { lengthsOf, pairsOf, standout } from './pairs';

const at = (second: number): string => new Date(second * 1000).toISOString();
const step = (number: number, name: string, from: number, to: number, status: Step['status'] = 'succeeded'): Step => ({
  number,
  attempt: 1,
  name,
  status,
  startedAt: at(from),
  finishedAt: at(to),
  progress: null,
  error: null,
});
const run = (steps: Step[], more: Partial<Run> = {}): Run => ({ attempt: 1, steps, finishedAt: at(99), ...more }) as unknown as Run;

it('pairs steps by name, each once', () => {
  const names = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 8 });
  fc.assert(
    fc.property(names, names, (mine, theirs) => {
      const of = (list: string[]): Run => run(list.map((name, n) => step(n + 1, name, n, n + 1)));
      const pairs = pairsOf(of(mine), of(theirs));
      expect(pairs.filter((pair) => pair.statusHere !== null).map((pair) => pair.name)).toEqual(mine);
      expect(pairs.filter((pair) => pair.statusThere !== null)).toHaveLength(theirs.length);
    }),
  );
});

it('puts what was not reached where it would have been', () => {
  const here = run([step(1, 'read', 0, 3), step(2, 'write', 3, 4, 'failed')]);
  const there = run([step(1, 'read', 0, 1), step(2, 'write', 1, 2), step(3, 'send', 2, 3)]);
  const pairs = pairsOf(here, there);
  expect(pairs.map((pair) => [pair.name, pair.here, pair.there])).toEqual([
    ['read', 3000, 1000],
    ['write', 1000, 1000],
    ['send', null, 1000],
  ]);
  expect(standout(pairs)).toMatchObject({ failed: { name: 'write' }, most: { more: 2000, pair: { name: 'read' } }, absent: 1 });
});

it('measures by the clocks', () => {
  const clocks = { nominalAt: at(0), requestedAt: at(1), readyAt: null, startedAt: at(5), finishedAt: at(9), durationMs: 4000 };
  expect(lengthsOf(run([], clocks))).toEqual({ late: 5000, waited: 4000, ran: 4000 });
  expect(lengthsOf(run([], { ...clocks, startedAt: null, durationMs: null }))).toEqual({ late: null, waited: null, ran: null });
});
