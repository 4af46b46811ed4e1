import { expect, it } from 'vitest';
import { askedOf, momentOf, rangeOf } from './asking';

const NOW = Date.parse('2026-11-30T09:00:00Z'); // 10:00 in Berlin
const ZONE = 'Europe/Berlin';
const at = (text: string) => {
  const moment = momentOf(text, ZONE, NOW);
  return moment === null ? null : new Date(moment).toISOString().slice(0, 16);
};

it('times are read as people write them', () => {
  expect(at('03:00')).toBe('2026-11-30T02:00');
  expect(at('3')).toBe('2026-11-30T02:00');
  expect(at('23:00')).toBe('2026-11-29T22:00');
  expect(at('yesterday 3:00')).toBe('2026-11-29T02:00');
  expect(at('tomorrow 03:00')).toBe('2026-12-01T02:00');
  expect(at('2026-10-25 02:30')).toBe('2026-10-25T00:30');
  expect(at('29 Nov 03:00')).toBe('2026-11-29T02:00');
  expect(at('2026-11-29')).toBe('2026-11-28T23:00');
  expect(at('2026-11-29T03:00:00Z')).toBe('2026-11-29T03:00');
  for (const none of ['', 'soon', '25:00', '40 Nov 03:00', '3 Foo 03:00']) expect(at(none)).toBeNull();
});

const range = (text: string) => {
  const found = rangeOf(text, ZONE, NOW);
  return found === null ? null : [found.at, found.till].map((one) => new Date(one).toISOString().slice(0, 16)).join(' ');
};

it('ranges are read as people write them', () => {
  const dawn = '2026-11-29T01:00 2026-11-29T05:00';
  expect(range('yesterday 02:00 to 06:00')).toBe(dawn);
  expect(range('yesterday 2:00 – 6:00')).toBe(dawn);
  expect(range('29 Nov 02:00 until yesterday 06:00')).toBe(dawn);
  expect(range('2026-11-29 02:00-06:00')).toBe(dawn);
  expect(range('2026-11-29T01:00:00Z to 2026-11-29T05:00:00Z')).toBe(dawn);
  expect(range('02:00-06')).toBe('2026-11-30T01:00 2026-11-30T05:00');
  expect(range('yesterday 22:00 to 02:00')).toBe('2026-11-29T21:00 2026-11-30T01:00'); // over midnight
  expect(range('2026-10-24 23:00 to 23:00')).toBe('2026-10-24T21:00 2026-10-25T22:00'); // a day of 25 hours
  expect(range('yesterday to today')).toBe('2026-11-28T23:00 2026-11-29T23:00');
  for (const none of ['yesterday 02:00', 'today to yesterday', '02:00 to soon', 'soon to 06:00', '02:00 to 25:00', '2026-11-29']) {
    expect(range(none), none).toBeNull();
  }
});

it('a question is told from a name', () => {
  expect(askedOf('nightly-orders', ZONE, NOW)).toEqual({ kind: 'name', text: 'nightly-orders' });
  expect(askedOf('explain backups/nightly at 03:00', ZONE, NOW)).toMatchObject({
    kind: 'explain',
    job: 'backups/nightly',
    at: Date.parse('2026-11-30T02:00:00Z'),
    till: null,
  });
  for (const text of ['nightly yesterday 02:00 to 06:00', 'backfill nightly from 29 Nov 02:00 to 06:00']) {
    expect(askedOf(text, ZONE, NOW)).toMatchObject({
      kind: 'explain',
      job: 'nightly',
      at: Date.parse('2026-11-29T01:00:00Z'),
      till: Date.parse('2026-11-29T05:00:00Z'),
    });
  }
  expect(askedOf('backfill nightly', ZONE, NOW)).toMatchObject({ kind: 'explain', job: 'nightly', at: null });
  expect(askedOf('copy from s3 to disk', ZONE, NOW)).toEqual({ kind: 'name', text: 'copy from s3 to disk' });
  expect(askedOf('nightly yesterday 3:00', ZONE, NOW)).toMatchObject({
    kind: 'explain',
    job: 'nightly',
    at: Date.parse('2026-11-29T02:00:00Z'),
  });
  expect(askedOf('why nightly', ZONE, NOW)).toMatchObject({ kind: 'explain', job: 'nightly', at: null });
  expect(askedOf('look at this', ZONE, NOW)).toMatchObject({ kind: 'name' });
});
