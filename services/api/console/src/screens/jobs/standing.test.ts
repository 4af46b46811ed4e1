import { expect, it } from 'vitest';
import { byTrouble, standingOf } from './standing';
import { NOW, ago, row } from './rows.test-support';

const standing = (change: Parameters<typeof row>[0], cracked = false): ReturnType<typeof standingOf> =>
  standingOf(row(change), NOW, cracked);

it('a job that does what it should needs no look', () => {
  expect(standing({ streak: 4 })).toMatchObject({ trouble: null, due: false });
});

it('a job that is disabled is not failing', () => {
  expect(standing({ enabled: false, streak: -4 }).trouble).toBeNull();
  expect([...standing({ enabled: false, streak: -4 }).states]).toEqual(['disabled']);
});

it('an instant is undecided after half a minute', () => {
  expect(standing({ pendingSince: ago(29_999) }).trouble).toBeNull();
  expect(standing({ pendingSince: ago(30_000) }).trouble).toBe('undecided');
});

it('a run is over its usual time from three times the median, and a minute at least', () => {
  const running = { isRunning: true, lastStatus: 'running' } as const;
  expect(standing({ ...running, medianMs: 60_000, lastStartedAt: ago(179_999) }).trouble).toBeNull();
  expect(standing({ ...running, medianMs: 60_000, lastStartedAt: ago(180_000) }).trouble).toBe('slow');
  expect(standing({ ...running, medianMs: 100, lastStartedAt: ago(60_000) }).trouble).toBeNull();
  expect(standing({ ...running, medianMs: null, lastStartedAt: ago(999_999_999) }).trouble).toBeNull();
});

it('due means within the next hour, also what is overdue', () => {
  expect(standing({ nextFireAt: ago(-3_600_000) }).due).toBe(true);
  expect(standing({ nextFireAt: ago(-3_600_001) }).due).toBe(false);
  expect(standing({ nextFireAt: ago(5000) }).due).toBe(true);
  expect(standing({ nextFireAt: null }).due).toBe(false);
});

it('the worst comes first: a hole, then what is undecided, then the longest streak', () => {
  const list = [
    standing({ streak: -2 }),
    standing({ streak: 3 }),
    standing({ streak: -5 }),
    standing({ pendingSince: ago(60_000) }),
    standing({}, true),
  ];
  expect(list.sort(byTrouble).map(({ trouble, weight }) => [trouble, weight])).toEqual([
    ['missing', 0],
    ['undecided', 60_000],
    ['failing', 5],
    ['failing', 2],
    [null, 0],
  ]);
});

it('a job in two troubles is found by both', () => {
  const { trouble, states } = standing({ streak: -1, pendingSince: ago(60_000) });
  expect(trouble).toBe('undecided');
  expect([...states]).toEqual(['trouble', 'undecided', 'failing']);
});

it('a job whose promise is broken needs a look, after those that fail', () => {
  const broken = standing({ streak: 3, brokenSince: ago(60_000) });
  expect(broken).toMatchObject({ trouble: 'broken', weight: 60_000 });
  expect([...broken.states]).toEqual(['trouble', 'broken']);
  const list = [broken, standing({ streak: -1 }), standing({ brokenSince: ago(90_000) })];
  expect(list.sort(byTrouble).map(({ weight }) => weight)).toEqual([1, 90_000, 60_000]);
});
