import { expect, it } from 'vitest';
import { askedOf, momentOf } from './asking';

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

it('a question is told from a name', () => {
  expect(askedOf('nightly-orders', ZONE, NOW)).toEqual({ kind: 'name', text: 'nightly-orders' });
  expect(askedOf('explain backups/nightly at 03:00', ZONE, NOW)).toMatchObject({
    kind: 'explain',
    job: 'backups/nightly',
    at: Date.parse('2026-11-30T02:00:00Z'),
  });
  expect(askedOf('nightly yesterday 3:00', ZONE, NOW)).toMatchObject({
    kind: 'explain',
    job: 'nightly',
    at: Date.parse('2026-11-29T02:00:00Z'),
  });
  expect(askedOf('why nightly', ZONE, NOW)).toMatchObject({ kind: 'explain', job: 'nightly', at: null });
  expect(askedOf('look at this', ZONE, NOW)).toMatchObject({ kind: 'name' });
});
