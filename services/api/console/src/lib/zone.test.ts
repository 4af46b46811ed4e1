import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { clockText, dayText, daysOf, isKnown, momentText, offsetAt, rfc3339, startOfDay, wallOf, zoneText } from './zone';

const HOUR = 3_600_000;
const ZONES = ['UTC', 'Europe/Berlin', 'America/New_York', 'Pacific/Chatham', 'America/Santiago', 'Asia/Kolkata', 'Africa/Cairo'];
const at = (text: string) => Date.parse(text);

describe('days of a zone', () => {
  it('are 23 and 25 hours long where the clock changes', () => {
    const [day] = daysOf(at('2026-10-25T10:00:00Z'), at('2026-10-25T10:00:01Z'), 'Europe/Berlin');
    expect(day && (day.end - day.start) / HOUR).toBe(25);
    expect(day?.shift).toBe(-60);
    const [short] = daysOf(at('2026-03-08T12:00:00Z'), at('2026-03-08T12:00:01Z'), 'America/New_York');
    expect(short && (short.end - short.start) / HOUR).toBe(23);
    expect(short?.shift).toBe(60);
  });

  it('start at the first moment of the date, where midnight is left out', () => {
    // Chile puts its clocks forward at midnight: 6 September 2026 starts at 01:00.
    const start = startOfDay(2026, 9, 6, 'America/Santiago');
    expect(clockText(start, 'America/Santiago')).toBe('01:00');
    expect(wallOf(start - 1000, 'America/Santiago').day).toBe(5);
  });

  it('leave no moment out and count none twice', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...ZONES),
        fc.integer({ min: at('2020-01-01T00:00:00Z'), max: at('2030-01-01T00:00:00Z') }),
        fc.integer({ min: 1, max: 20 }),
        (zone, from, length) => {
          const days = daysOf(from, from + length * 24 * HOUR, zone);
          const [first] = days;
          expect(first !== undefined && first.start <= from && first.end > from).toBe(true);
          days.slice(1).forEach((day, n) => expect(day.start).toBe(days[n]?.end));
          expect(days.at(-1)?.end).toBeGreaterThanOrEqual(from + length * 24 * HOUR);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('the wall clock', () => {
  const instants = fc.oneof(
    fc.integer({ min: 0, max: 4e12 }),
    // Around the changes of 2026 in some of the zones.
    fc.tuple(fc.constantFrom('2026-03-29T01:00:00Z', '2026-10-25T01:00:00Z', '2026-09-26T14:00:00Z', '2026-11-01T06:00:00Z'), fc.integer({ min: -8 * HOUR, max: 8 * HOUR })).map(([change, by]) => at(change) + by),
  );

  it('is what Intl says, whatever was asked before', () => {
    fc.assert(
      fc.property(fc.constantFrom(...ZONES, 'Australia/Lord_Howe', 'Africa/Monrovia'), instants, (zone, moment) => {
        const { year, month, day, hour, minute, second } = wallOf(moment, zone);
        const padded = (value: number): string => String(value).padStart(2, '0');
        const format = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' });
        const written = `${year}-${padded(month)}-${padded(day)} ${padded(hour)}:${padded(minute)}:${padded(second)}`;
        expect(written).toBe(format.format(moment));
      }),
      { numRuns: 300 },
    );
  });

  it('is not asked of Intl again for times of one stretch', () => {
    wallOf(at('2026-07-01T06:00:00Z'), 'Asia/Tokyo');
    const asked = vi.spyOn(Intl.DateTimeFormat.prototype, 'formatToParts');
    for (let n = 0; n < 1000; n += 1) wallOf(at('2026-07-01T06:00:00Z') + n * 20_000, 'Asia/Tokyo');
    expect(asked).not.toHaveBeenCalled();
    asked.mockRestore();
  });
});

describe('moments', () => {
  it('are the same moment when they are read again', () => {
    fc.assert(
      fc.property(fc.constantFrom(...ZONES), fc.integer({ min: 0, max: 4e12 }), (zone, moment) => {
        expect(Date.parse(rfc3339(moment, zone))).toBe(moment);
      }),
    );
  });

  it('are told apart in the hour that comes twice', () => {
    const [first, second] = [at('2026-10-25T00:30:00Z'), at('2026-10-25T01:30:00Z')];
    expect(clockText(first, 'Europe/Berlin')).toBe('02:30');
    expect(clockText(second, 'Europe/Berlin')).toBe('02:30');
    expect(zoneText('Europe/Berlin', first)).toBe('Europe/Berlin +02:00');
    expect(zoneText('Europe/Berlin', second)).toBe('Europe/Berlin +01:00');
  });

  it('are written as near as they are', () => {
    const now = at('2026-11-30T09:00:00Z');
    expect(momentText(at('2026-11-30T02:00:00Z'), 'UTC', now)).toBe('02:00');
    expect(momentText(at('2026-11-29T02:00:12Z'), 'UTC', now)).toBe('yesterday 02:00:12');
    expect(momentText(at('2026-12-01T02:00:00Z'), 'UTC', now)).toBe('tomorrow 02:00');
    expect(momentText(at('2026-11-02T02:00:00Z'), 'UTC', now)).toBe('Mon 2 Nov 02:00');
    expect(dayText(at('2025-11-02T02:00:00Z'), 'UTC', now)).toBe('Sun 2 Nov 2025');
  });

  it('are of a zone that the browser knows', () => {
    expect(isKnown('Europe/Berlin')).toBe(true);
    expect(isKnown('Mars/Olympus')).toBe(false);
    expect(offsetAt(at('2026-01-01T00:00:00Z'), 'Asia/Kolkata')).toBe(330);
  });
});
