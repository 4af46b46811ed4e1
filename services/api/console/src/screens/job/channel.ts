// The channel of a job: time in rows, from left to right and from top to bottom, as in a calendar. Pure: which rows there
// are, which bins to ask for, and where a bin lies.

import type { Bin } from '../../lib/strip';
import { daysOf, MONTHS, startOfDay, wallOf, WEEKDAYS } from '../../lib/zone';
import type { Day } from '../../lib/zone';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export const ZOOMS = ['hour', 'day', 'fortnight', 'month', 'quarter', 'year'] as const;
export type Zoom = (typeof ZOOMS)[number];

export interface Row {
  readonly from: number;
  readonly to: number; // exclusive
  readonly label: string;
  /** What is said beside it: a change of the clock. */
  readonly note: string | null;
  readonly weekend: boolean;
  /** The first row of a month, a day or an hour: it is set off. */
  readonly first: boolean;
}

export interface Plan {
  readonly zoom: Zoom;
  readonly zone: string;
  readonly rows: readonly Row[];
  readonly from: number;
  readonly to: number;
  /** Of the request: a number of equal bins, or one bin for each day of the zone. */
  readonly bins: number | null;
  readonly by: 'day' | null;
  readonly longest: number; // of a row, ms
}

interface Grain {
  readonly bin: number; // ms; 0: a day of the zone
  readonly past: number; // rows
  readonly future: number; // rows
}

const GRAINS: Readonly<Record<Zoom, Grain>> = {
  hour: { bin: 5000, past: 12, future: 1 },
  day: { bin: MINUTE, past: 24, future: 1 },
  fortnight: { bin: 20 * MINUTE, past: 14, future: 2 },
  month: { bin: 30 * MINUTE, past: 31, future: 2 },
  quarter: { bin: 2 * HOUR, past: 13, future: 1 },
  year: { bin: 0, past: 12, future: 1 },
};

/** How wide one row is, in words for the axis. */
export const SPANS: Readonly<Record<Zoom, string>> = {
  hour: '1 hour',
  day: '24 hours',
  fortnight: '14 days',
  month: '31 days',
  quarter: '13 weeks',
  year: '12 months',
};

/**
 * The rows of a zoom in a zone. `end` is the moment that the last row holds; null: now, with what is to come after it.
 */
export function planOf(zoom: Zoom, zone: string, end: number | null, now: number): Plan {
  const { bin, past, future } = GRAINS[zoom];
  const rows = rowsOf(zoom, zone, end ?? now, past, end === null ? future : 0);
  const from = rows[0]?.from ?? now;
  const to = rows.at(-1)?.to ?? now;
  return {
    zoom,
    zone,
    rows,
    from,
    to,
    bins: bin === 0 ? null : Math.max(1, Math.round((to - from) / bin)),
    by: bin === 0 ? 'day' : null,
    longest: Math.max(...rows.map((row) => row.to - row.from)),
  };
}

function rowsOf(zoom: Zoom, zone: string, at: number, past: number, future: number): Row[] {
  switch (zoom) {
    case 'hour':
      return steps(at, 5 * MINUTE, past, future, zone);
    case 'day':
      return steps(at, HOUR, past, future, zone);
    case 'fortnight':
    case 'month':
      return days(at, zone, past, future).map((day) => ({
        from: day.start,
        to: day.end,
        label: `${WEEKDAYS[day.weekday] ?? ''} ${day.wall.day} ${MONTHS[day.wall.month - 1] ?? ''}`,
        note: noteOf(day),
        weekend: day.weekday > 4,
        first: day.wall.day === 1,
      }));
    case 'quarter':
      return weeks(at, zone, past, future);
    case 'year':
      return months(at, zone, past, future);
  }
}

function steps(at: number, step: number, past: number, future: number, zone: string): Row[] {
  // Rows begin at full minutes of the zone's clock: offsets are whole quarters of an hour.
  const wall = wallOf(at, zone);
  const into = (wall.minute * MINUTE + wall.second * 1000 + (at % 1000)) % step;
  const last = at - into;
  return Array.from({ length: past + future }, (_, n) => {
    const from = last + (n - past + 1) * step;
    const start = wallOf(from, zone);
    const label = `${String(start.hour).padStart(2, '0')}:${String(start.minute).padStart(2, '0')}`;
    const day = start.hour === 0 && start.minute === 0;
    return {
      from,
      to: from + step,
      label: day ? `${start.day} ${MONTHS[start.month - 1] ?? ''} ${label}` : label,
      note: null,
      weekend: false,
      first: step === HOUR ? day : start.minute === 0,
    };
  });
}

function days(at: number, zone: string, past: number, future: number): Day[] {
  const wall = wallOf(at, zone);
  const start = startOfDay(wall.year, wall.month, wall.day - past + 1, zone);
  const end = startOfDay(wall.year, wall.month, wall.day + future, zone);
  return daysOf(start, end + 1, zone);
}

function noteOf(day: Day): string | null {
  if (day.shift === 0) return null;
  const hours = (day.end - day.start) / HOUR;
  return `${hours} h: the clock goes ${day.shift > 0 ? 'forward' : 'back'}`;
}

function weeks(at: number, zone: string, past: number, future: number): Row[] {
  const wall = wallOf(at, zone);
  const weekday = (new Date(Date.UTC(wall.year, wall.month - 1, wall.day)).getUTCDay() + 6) % 7;
  return Array.from({ length: past + future }, (_, n) => {
    const shift = (n - past + 1) * 7 - weekday;
    const from = startOfDay(wall.year, wall.month, wall.day + shift, zone);
    const to = startOfDay(wall.year, wall.month, wall.day + shift + 7, zone);
    const start = wallOf(from + HOUR, zone);
    const longer = to - from - 7 * DAY;
    return {
      from,
      to,
      label: `${start.day} ${MONTHS[start.month - 1] ?? ''}`,
      note: longer === 0 ? null : `the clock goes ${longer < 0 ? 'forward' : 'back'} in this week`,
      weekend: false,
      first: start.day <= 7,
    };
  });
}

function months(at: number, zone: string, past: number, future: number): Row[] {
  const wall = wallOf(at, zone);
  return Array.from({ length: past + future }, (_, n) => {
    const first = new Date(Date.UTC(wall.year, wall.month - 1 + n - past + 1, 1));
    const next = new Date(Date.UTC(wall.year, wall.month + n - past + 1, 1));
    const [year, month] = [first.getUTCFullYear(), first.getUTCMonth() + 1];
    return {
      from: startOfDay(year, month, 1, zone),
      to: startOfDay(next.getUTCFullYear(), next.getUTCMonth() + 1, 1, zone),
      label: `${MONTHS[month - 1] ?? ''} ${year}`,
      note: null,
      weekend: false,
      first: month === 1,
    };
  });
}

/** The zoom that shows a job well, by the usual time between two of its instants. */
export function fittingZoom(gap: number | null): Zoom {
  if (gap === null) return 'month';
  if (gap < 2 * MINUTE) return 'hour';
  if (gap < 20 * MINUTE) return 'day';
  if (gap < 8 * HOUR) return 'fortnight';
  if (gap < 3 * DAY) return 'month';
  return gap < 20 * DAY ? 'quarter' : 'year';
}

/** The bins of each row, in order. A bin belongs to the row in which it begins. */
export function inRows(plan: Plan, bins: readonly Bin[]): Bin[][] {
  const rows = plan.rows.map((): Bin[] => []);
  let at = 0;
  for (const bin of bins) {
    while (at < plan.rows.length - 1 && bin.from >= (plan.rows[at]?.to ?? 0)) at += 1;
    rows[at]?.push(bin);
  }
  return rows;
}

/** Marks of the axis: where (from 0 to 1 of the longest row) and what is written there. */
export function axisOf(plan: Plan): { readonly at: number; readonly text: string }[] {
  const part = (ms: number): number => ms / plan.longest;
  switch (plan.zoom) {
    case 'hour':
      return Array.from({ length: 5 }, (_, n) => ({ at: part(n * MINUTE), text: `+${n} min` }));
    case 'day':
      return [0, 10, 20, 30, 40, 50].map((minute) => ({ at: part(minute * MINUTE), text: `:${String(minute).padStart(2, '0')}` }));
    case 'fortnight':
    case 'month':
      return [0, 3, 6, 9, 12, 15, 18, 21].map((hour) => ({ at: part(hour * HOUR), text: `${String(hour).padStart(2, '0')}:00` }));
    case 'quarter':
      return WEEKDAYS.map((day, n) => ({ at: part(n * DAY), text: day }));
    case 'year':
      return [1, 5, 10, 15, 20, 25, 30].map((day) => ({ at: part((day - 1) * DAY), text: String(day) }));
  }
}

/** How far the view moves by one step back or on, in ms. */
export function strideOf(plan: Plan): number {
  const { past } = GRAINS[plan.zoom];
  const typical = plan.rows[0] === undefined ? DAY : plan.rows[0].to - plan.rows[0].from;
  return Math.max(1, past - 1) * typical;
}
