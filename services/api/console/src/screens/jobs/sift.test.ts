import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { JobRow } from '../../lib/jobs';
import { NOW, row } from './rows.test-support';
import { folded } from '../../lib/jobs';
import { FACETS, isAsked, sifted } from './sift';
import type { Question } from './sift';
import { standingOf, STATES } from './standing';

const NOTHING: Question = { q: '', group: [], queue: [], executor: [], label: [], health: [], due: false };
const standingsOf = (rows: readonly JobRow[]): Map<string, ReturnType<typeof standingOf>> =>
  new Map(rows.map((one) => [one.id, standingOf(one, NOW, false)]));
const fitting = (rows: readonly JobRow[], question: Partial<Question>): string[] =>
  sifted(rows, { ...NOTHING, ...question }, standingsOf(rows)).fitting.map((one) => one.name);

const rows = [
  row({ group: 'backups', name: 'nightly-orders', labels: { team: 'data' } }),
  row({ group: 'backups', name: 'Ordnung', streak: -2, queue: 'slow' }),
  row({ group: 'etl', name: 'çalışma', labels: { team: 'data', tier: '1' }, enabled: false }),
  row({ group: 'etl', name: '日次バックアップ' }),
  row({ group: 'etl', name: 'zero\u200bwidth' }),
];

it('every word must be found, in the name, the group, the executor, the labels or the queue', () => {
  expect(fitting(rows, { q: 'ord' })).toEqual(['nightly-orders', 'Ordnung']);
  expect(fitting(rows, { q: ' ORD  backups ' })).toEqual(['nightly-orders', 'Ordnung']);
  expect(fitting(rows, { q: 'team=data' })).toEqual(['nightly-orders', 'çalışma']);
  expect(fitting(rows, { q: 'slow' })).toEqual(['Ordnung']);
  expect(fitting(rows, { q: 'ord xyz' })).toEqual([]);
});

it('marks of letters and what is invisible do not matter', () => {
  for (const q of ['calisma', 'calış', 'ÇALIŞMA', 'CALIS']) expect(fitting(rows, { q })).toEqual(['çalışma']);
  expect(fitting(rows, { q: 'バック' })).toEqual(['日次バックアップ']);
  expect(fitting(rows, { q: 'zerowidth' })).toEqual(['zero\u200bwidth']);
  expect(folded('ﬁle')).toBe('file');
});

it('values of one name are alternatives, names are not', () => {
  expect(fitting(rows, { group: ['backups', 'nosuch'] })).toHaveLength(2);
  expect(fitting(rows, { group: ['backups'], queue: ['slow'] })).toEqual(['Ordnung']);
  expect(fitting(rows, { health: ['failing', 'disabled'] })).toEqual(['Ordnung', 'çalışma']);
});

it('counts say what each other choice would find', () => {
  const { counts, fitting: found } = sifted(rows, { ...NOTHING, group: ['backups'], label: ['team=data'] }, standingsOf(rows));
  expect(found).toHaveLength(1);
  expect(Object.fromEntries(counts.group)).toEqual({ backups: 1, etl: 1 });
  expect(Object.fromEntries(counts.label)).toEqual({ 'team=data': 1 });
});

it('the count of a choice is what choosing it alone finds', () => {
  const value = fc.constantFrom('a', 'b', 'c');
  const some = fc.array(
    fc.record({ group: value, queue: value, executor: value, labels: fc.dictionary(value, value), streak: fc.integer({ min: -2, max: 2 }), enabled: fc.boolean() }),
    { maxLength: 12 },
  );
  const question = fc.record({
    q: fc.constantFrom('', 'a', 'b=c'),
    group: fc.subarray(['a', 'b', 'c']),
    queue: fc.subarray(['a', 'b']),
    executor: fc.subarray(['a']),
    label: fc.subarray(['a=b', 'b=c']),
    health: fc.subarray([...STATES]),
    due: fc.boolean(),
  });
  fc.assert(
    fc.property(some, question, (given, asked) => {
      const made = given.map((one) => row(one));
      const standings = standingsOf(made);
      const { counts, due } = sifted(made, asked, standings);
      for (const facet of [...FACETS, 'health'] as const) {
        for (const [one, count] of counts[facet]) {
          expect(sifted(made, { ...asked, [facet]: [one] }, standings).fitting).toHaveLength(count);
        }
      }
      expect(sifted(made, { ...asked, due: true }, standings).fitting).toHaveLength(due);
    }),
  );
});

it('knows whether anything is asked', () => {
  expect(isAsked(NOTHING)).toBe(false);
  expect(isAsked({ ...NOTHING, q: '  ' })).toBe(false);
  expect(isAsked({ ...NOTHING, label: ['a=b'] })).toBe(true);
  expect(isAsked({ ...NOTHING, due: true })).toBe(true);
});
