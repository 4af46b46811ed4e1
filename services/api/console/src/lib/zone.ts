// Time zones by Intl: offsets, days of a zone (23 or 25 hours long where they are), and how moments are written.
//
// There is no calendar of our own here and no cron: what fires when is the server's word. The browser only says where on
// a wall clock a moment lies. Its zone data may be older than the server's; days are drawn by it, decisions are not.

export interface Wall {
  readonly year: number;
  readonly month: number; // from 1
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

export interface Day {
  readonly start: number; // ms since 1970
  readonly end: number; // where the next day starts
  readonly wall: Wall;
  readonly weekday: number; // Monday is 0
  /** The change of the clock within the day: minutes put forward (60) or back (−60); 0 on a usual day. */
  readonly shift: number;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function parts(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-GB', {
      timeZone: zone,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formats.set(zone, format);
  }
  return format;
}

/** Whether this browser knows the zone; the server may know newer ones. */
export function isKnown(zone: string): boolean {
  try {
    parts(zone);
    return true;
  } catch {
    return false;
  }
}

let browsers: { readonly zone: string; readonly offset: number } | null = null;

/** The browser's own zone. Asking for it takes long, so it is asked again only when its offset has changed. */
export function browserZone(): string {
  const offset = new Date().getTimezoneOffset();
  if (browsers?.offset !== offset) browsers = { zone: new Intl.DateTimeFormat().resolvedOptions().timeZone, offset };
  return browsers.zone;
}

export function wallOf(at: number, zone: string): Wall {
  const wall = new Date(at + aheadOf(at, zone));
  return {
    year: wall.getUTCFullYear(),
    month: wall.getUTCMonth() + 1,
    day: wall.getUTCDate(),
    hour: wall.getUTCHours(),
    minute: wall.getUTCMinutes(),
    second: wall.getUTCSeconds(),
  };
}

/** Minutes ahead of UTC. */
export const offsetAt = (at: number, zone: string): number => Math.round(aheadOf(at, zone) / 60_000);

const STRETCH = 6 * 3_600_000; // no zone changes its clock twice within it
const KNOWN_MOST = 20_000;
const known = new Map<string, Map<number, number | null>>(); // by zone, then by stretch; null: it changes within
let count = 0;

/** Milliseconds ahead of UTC. Intl takes long, and lists show thousands of times: it is asked once for each stretch. */
function aheadOf(at: number, zone: string): number {
  if (zone === 'UTC') return 0;
  const stretch = Math.floor(at / STRETCH);
  let ahead = known.get(zone)?.get(stretch);
  if (ahead === undefined) {
    const first = aheadByIntl(stretch * STRETCH, zone);
    ahead = first === aheadByIntl((stretch + 1) * STRETCH - 1, zone) ? first : null;
    if (count >= KNOWN_MOST) {
      known.clear();
      count = 0;
    }
    const ofZone = known.get(zone) ?? new Map<number, number | null>();
    known.set(zone, ofZone.set(stretch, ahead));
    count += 1;
  }
  return ahead ?? aheadByIntl(at, zone);
}

function aheadByIntl(at: number, zone: string): number {
  const read: Record<string, number> = {};
  for (const part of parts(zone).formatToParts(at)) read[part.type] = Number(part.value);
  const { year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0 } = read;
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(at / 1000) * 1000;
}

/** The first moment of a date in a zone; where midnight is left out, the first moment after it. */
export function startOfDay(year: number, month: number, day: number, zone: string): number {
  const midnight = Date.UTC(year, month - 1, day);
  // The moment lies at midnight less one of the offsets in force around it; of two, the earlier is the day's first.
  const offsets = new Set([-36, -12, 0, 12, 36].map((hours) => offsetAt(midnight + hours * 3_600_000, zone)));
  const fitting = [...offsets].map((offset) => midnight - offset * 60_000).filter((at) => {
    const wall = wallOf(at, zone);
    return Date.UTC(wall.year, wall.month - 1, wall.day, wall.hour, wall.minute) === midnight;
  });
  if (fitting.length > 0) return Math.min(...fitting);
  // Midnight does not exist: search for the first moment that is on the date.
  let before = midnight - 26 * 3_600_000;
  let on = midnight + 26 * 3_600_000;
  while (on - before > 1000) {
    const middle = Math.floor((before + on) / 2000) * 1000;
    const wall = wallOf(middle, zone);
    if (Date.UTC(wall.year, wall.month - 1, wall.day) >= midnight) on = middle;
    else before = middle;
  }
  return on;
}

/** The days of a zone that touch [from, to), in order; at most `most` of them. */
export function daysOf(from: number, to: number, zone: string, most = 400): Day[] {
  const days: Day[] = [];
  const first = wallOf(from, zone);
  let start = startOfDay(first.year, first.month, first.day, zone);
  for (let n = 0; start < to && days.length < most; n += 1) {
    const date = new Date(Date.UTC(first.year, first.month - 1, first.day + n));
    const next = new Date(Date.UTC(first.year, first.month - 1, first.day + n + 1));
    const end = startOfDay(next.getUTCFullYear(), next.getUTCMonth() + 1, next.getUTCDate(), zone);
    if (end <= start) continue; // a date that a zone left out
    days.push({
      start,
      end,
      wall: wallOf(start, zone),
      weekday: (date.getUTCDay() + 6) % 7,
      shift: offsetAt(end, zone) - offsetAt(start, zone),
    });
    start = end;
  }
  return days;
}

export const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] as const;
export const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;

const padded = (value: number, width = 2): string => String(value).padStart(width, '0');

/** `+01:00`, `−03:30`, `Z`-less. */
export function offsetText(minutes: number): string {
  const length = Math.abs(minutes);
  return `${minutes < 0 ? '−' : '+'}${padded(Math.floor(length / 60))}:${padded(length % 60)}`;
}

/** RFC 3339 with the zone's offset, for copying. */
export function rfc3339(at: number, zone: string): string {
  const wall = wallOf(at, zone);
  const offset = offsetAt(at, zone);
  const ms = ((at % 1000) + 1000) % 1000;
  const end = zone === 'UTC' ? 'Z' : offsetText(offset).replace('−', '-');
  return (
    `${padded(wall.year, 4)}-${padded(wall.month)}-${padded(wall.day)}` +
    `T${padded(wall.hour)}:${padded(wall.minute)}:${padded(wall.second)}${ms === 0 ? '' : `.${padded(ms, 3)}`}${end}`
  );
}

/** `02:00`, or `02:00:12` where seconds tell something, or with milliseconds on request. */
export function clockText(at: number, zone: string, precision: 'auto' | 'minute' | 'second' | 'ms' = 'auto'): string {
  const wall = wallOf(at, zone);
  const ms = ((at % 1000) + 1000) % 1000;
  const minute = `${padded(wall.hour)}:${padded(wall.minute)}`;
  if (precision === 'minute' || (precision === 'auto' && wall.second === 0 && ms === 0)) return minute;
  const second = `${minute}:${padded(wall.second)}`;
  return precision === 'ms' ? `${second}.${padded(ms, 3)}` : second;
}

/** `Mon 30 Nov`, with the year if it is not that of `now`. */
export function dayText(at: number, zone: string, now: number): string {
  const wall = wallOf(at, zone);
  const weekday = WEEKDAYS[(new Date(Date.UTC(wall.year, wall.month - 1, wall.day)).getUTCDay() + 6) % 7] ?? '';
  const year = wall.year === wallOf(now, zone).year ? '' : ` ${wall.year}`;
  return `${weekday} ${wall.day} ${MONTHS[wall.month - 1] ?? ''}${year}`;
}

/** A moment as a reader wants it: the clock alone today, `yesterday 02:00`, else with the day. */
export function momentText(
  at: number,
  zone: string,
  now: number,
  precision: 'auto' | 'minute' | 'second' | 'ms' = 'auto',
): string {
  const clock = clockText(at, zone, precision);
  const then = wallOf(at, zone);
  const today = wallOf(now, zone);
  const apart = Math.round(
    (Date.UTC(then.year, then.month - 1, then.day) - Date.UTC(today.year, today.month - 1, today.day)) / 86_400_000,
  );
  if (apart === 0) return clock;
  if (apart === -1) return `yesterday ${clock}`;
  if (apart === 1) return `tomorrow ${clock}`;
  return `${dayText(at, zone, now)} ${clock}`;
}

/** `Europe/Berlin +01:00`; `UTC` alone. */
export function zoneText(zone: string, at: number): string {
  return zone === 'UTC' ? 'UTC' : `${zone} ${offsetText(offsetAt(at, zone))}`;
}
