import { expect, it } from 'vitest';
import { fit, found, rowsOf, rowsOfJobs } from './jobs';
import type { Columns, Job } from './types';

const names = ['nightly-orders', 'orders-archive', 'tmp-files', 'Ordnung', 'çalışma'];
const REST = [
  'cronExpression', 'timezone', 'words', 'version', 'updatedAt', 'nextFireAt', 'lastRunId', 'lastStatus',
  'lastNominalAt', 'lastStartedAt', 'lastFinishedAt', 'lastDurationMs', 'streak', 'streakSince', 'lastError', 'medianMs',
  'pendingSince', 'isRunning',
];
const columns = {
  id: names.map((_, n) => `j${n}`),
  group: names.map(() => 'backups'),
  name: names,
  status: names.map((_, n) => (n === 2 ? '1' : '0')),
  labels: names.map(() => ({ team: 'Data' })),
  invokeTarget: names.map(() => 'db.backup'),
  queue: names.map(() => 'Slow'),
  ...Object.fromEntries(REST.map((name) => [name, []])),
} as unknown as Columns;

it('the best name comes first', () => {
  const rows = rowsOf(columns);
  expect(found('ord', rows).map((row) => row.name)).toEqual(['Ordnung', 'nightly-orders', 'orders-archive']);
  expect(found('nor', rows)[0]?.name).toBe('nightly-orders');
  expect(found('backups tmp', rows)[0]?.name).toBe('tmp-files');
  for (const typed of ['çal', 'c\u0327al', 'ÇAL', 'cal']) expect(found(typed, rows)[0]?.name).toBe('çalışma');
  expect(found('xyz', rows)).toEqual([]);
  expect(fit('', 'anything')).toBeGreaterThan(0);
});

it('a row says what it is', () => {
  const [row, , off] = rowsOf(columns);
  expect(row).toMatchObject({ id: 'j0', group: 'backups', enabled: true, streak: 0, nextFireAt: null });
  expect(off?.enabled).toBe(false);
  expect(row?.text).toBe('backups/nightly-orders db.backup team=data slow');
});

it('rows can be had from the list of jobs, in order', () => {
  const job = (jobGroup: string, jobName: string): Job =>
    ({ id: jobName, jobGroup, jobName, labels: {}, invokeTarget: 'x', status: '0', lastRun: null }) as unknown as Job;
  expect(rowsOfJobs([job('b', 'a'), job('a', 'z'), job('a', 'b')]).map((row) => row.name)).toEqual(['b', 'z', 'a']);
});
