import fc from 'fast-check';
import { expect, it } from 'vitest';
import { clockText } from '../../../lib/zone';
import { clockStamp, sinceStamp } from './stamp';

it('shows the clock of the zone, also across its changes', () => {
  const moments = fc.integer({ min: Date.UTC(2026, 2, 28), max: Date.UTC(2026, 10, 2) });
  fc.assert(
    fc.property(moments, fc.constantFrom('UTC', 'Europe/Berlin', 'Pacific/Chatham', 'Asia/Kathmandu'), (at, zone) => {
      expect(clockStamp(at, zone)).toBe(clockText(at, zone, 'ms'));
    }),
  );
});

it('counts from the beginning of the attempt', () => {
  expect(sinceStamp(123, 0)).toBe('+0.123');
  expect(sinceStamp(187_100, 0)).toBe('+3:07.100');
  expect(sinceStamp(3_723_004, 0)).toBe('+1:02:03.004');
  expect(sinceStamp(0, 40)).toBe('−0.040');
});
