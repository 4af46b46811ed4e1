import { expect, it } from 'vitest';
import { promises } from './job';

it('says what is promised, member by member', () => {
  const all = { startWithin: 300, finishWithin: 5400, finishBy: '06:30', runsAtMost: 90, successWithin: 93600, disableAfter: 5 };
  expect(promises(all)).toEqual([
    'it starts within 5 min',
    'it ends within 1 h 30 min',
    'it ends by 06:30',
    'an attempt takes 1 min 30 s at most',
    'it succeeds every 1 d 2 h',
    'it is disabled after 5 failed runs in a row',
  ]);
  expect(promises({ disableAfter: 1 })).toEqual(['it is disabled after 1 failed run']);
});

it('says nothing where nothing is promised, or the API knows no promises', () => {
  expect(promises(null)).toEqual([]);
  expect(promises(undefined)).toEqual([]);
  expect(promises({ startWithin: null })).toEqual([]);
});
