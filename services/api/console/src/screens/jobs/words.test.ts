import { expect, it } from 'vitest';
import { asked, inNumbers, summary } from '../../messages/jobs';

const NOTHING = { q: '', due: false, health: [], group: [], queue: [], executor: [], label: [] };

it('the filter is said in words, as the list has it', () => {
  expect(asked({ ...NOTHING, q: ' night ', group: ['billing', 'etl'], health: ['failing'], due: true })).toBe(
    '“night”, group billing or etl, failing, due within an hour',
  );
});

it('numbers begin with the worst', () => {
  expect(inNumbers({ succeeded: 1045, skipped: 1, failed: 2 })).toBe('2 failed, 1 skipped, 1\u202f045 succeeded');
  expect(inNumbers({})).toBe('nothing was due');
});

it('the state of things is a sentence', () => {
  expect(summary(0, 0, 0)).toBe('There is no job yet.');
  expect(summary(1, 0, 0)).toBe('1 job, all enabled.');
  expect(summary(22, 1, 3)).toBe('22 jobs: 21 enabled, 1 disabled, 3 running.');
});
