import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { axisOf, fittingZoom, inRows, planOf, ZOOMS } from './channel';
import type { Bin } from '../../lib/strip';

const NOW = Date.parse('2026-11-30T09:12:34.500Z');
const ZONE = 'Europe/Berlin';
const HOUR = 3_600_000;

describe.each(ZOOMS)('the rows of a %s', (zoom) => {
  it('follow one another, hold now, and ask for no more bins than the API gives', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('UTC', ZONE, 'America/New_York', 'Pacific/Chatham', 'Asia/Kolkata', 'Australia/Lord_Howe'),
        fc.integer({ min: Date.parse('2025-01-01'), max: Date.parse('2027-12-31') }),
        fc.boolean(),
        (zone, at, live) => {
          const plan = planOf(zoom, zone, live ? null : at, at);
          plan.rows.slice(1).forEach((row, n) => expect(row.from).toBe(plan.rows[n]?.to));
          expect(plan.from).toBeLessThanOrEqual(at);
          expect(plan.to).toBeGreaterThan(at);
          const most = plan.bins ?? (plan.to - plan.from) / (23 * HOUR);
          expect(most).toBeLessThanOrEqual(2000);
          if (live) expect(plan.rows.at(-1)?.from).toBeGreaterThan(at);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('have an axis within them', () => {
    for (const mark of axisOf(planOf(zoom, ZONE, null, NOW))) {
      expect(mark.at).toBeGreaterThanOrEqual(0);
      expect(mark.at).toBeLessThan(1);
    }
  });
});

it('days are those of the zone, and say where the clock changes', () => {
  const plan = planOf('month', ZONE, Date.parse('2026-10-26T12:00:00Z'), NOW);
  const row = plan.rows.find((one) => one.label === 'Sun 25 Oct');
  expect(row && (row.to - row.from) / HOUR).toBe(25);
  expect(row?.note).toBe('25 h: the clock goes back');
  expect(plan.longest).toBe(25 * HOUR);
  expect(row?.weekend).toBe(true);
});

it('each bin lies in the row in which it begins', () => {
  const plan = planOf('fortnight', ZONE, null, NOW);
  const step = 20 * 60_000;
  const bins: Bin[] = Array.from({ length: plan.bins ?? 0 }, (_, n) => ({
    from: plan.from + n * step,
    to: plan.from + (n + 1) * step,
    counts: null,
  }));
  const rows = inRows(plan, bins);
  expect(rows.flat()).toEqual(bins);
  rows.forEach((row, n) => {
    expect(row[0]?.from).toBe(plan.rows[n]?.from);
    expect(row.at(-1)?.to).toBe(plan.rows[n]?.to);
  });
});

it('a job is shown in the zoom in which it can be read', () => {
  const cases: [number | null, string][] = [
    [10_000, 'hour'],
    [60_000, 'hour'],
    [300_000, 'day'],
    [HOUR, 'fortnight'],
    [24 * HOUR, 'month'],
    [168 * HOUR, 'quarter'],
    [720 * HOUR, 'year'],
    [null, 'month'],
  ];
  for (const [gap, zoom] of cases) expect(fittingZoom(gap)).toBe(zoom);
});
