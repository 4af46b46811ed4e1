// What is typed into the palette: a name, an id of a run, "explain JOB at TIME", or "backfill JOB from TIME to TIME".

import { rfc3339, startOfDay, wallOf } from './zone';

export interface Range {
  readonly at: number;
  readonly till: number; // exclusive
}

export type Asked =
  | {
      readonly kind: 'explain';
      readonly job: string;
      readonly at: number | null;
      readonly till: number | null; // null: one moment
      readonly time: string;
    }
  | { readonly kind: 'name'; readonly text: string };

/**
 * `explain nightly at 03:00`, `why nightly yesterday 3:00`, `nightly at 2026-11-29 03:00` → which job, and when;
 * `nightly yesterday 02:00 to 06:00`, `backfill nightly from 29 Nov 02:00 to 06:00` → which job, and from when to when.
 */
export function askedOf(typed: string, zone: string, now: number): Asked {
  const text = typed.trim();
  const told =
    /^(?:(explain|why|backfill)\s+)?(.+?)(?:\s+(?:at|from)\s+|\s+(?=yesterday|today|\d{4}-\d\d-\d\d|\d{1,2}:\d\d))(.*)$/i.exec(text);
  if (told !== null) {
    const [, , job = '', time = ''] = told;
    const moment = momentOf(time, zone, now);
    const when = moment === null ? rangeOf(time, zone, now) : { at: moment, till: null };
    if (when !== null || told[1] !== undefined) {
      return { kind: 'explain', job: job.trim(), ...(when ?? { at: null, till: null }), time: time.trim() };
    }
  }
  const alone = /^(?:explain|why|backfill)\s+(.+)$/i.exec(text);
  if (alone !== null) return { kind: 'explain', job: (alone[1] ?? '').trim(), at: null, till: null, time: '' };
  return { kind: 'name', text };
}

/**
 * `yesterday 02:00 to 06:00`, `02:00-06:00`, `28 Nov to 29 Nov 12:00`: two times as `momentOf` reads them. A bare clock at
 * the end is the next after the start that shows it. Null if it is none, or ends before it starts.
 */
export function rangeOf(text: string, zone: string, now: number): Range | null {
  const [, from, to] = /^(.+?)(?:\s+(?:to|until|till)\s+|\s*[–—]\s*|\s+-\s+|-(?=[\d:]+$))(.+)$/i.exec(text.trim()) ?? [];
  const at = from === undefined ? null : momentOf(from, zone, now);
  if (at === null || to === undefined) return null;
  const till = /^\d{1,2}(?::\d\d){0,2}$/.test(to) ? clockAfter(at, to, zone, now) : momentOf(to, zone, now);
  return till === null || till <= at ? null : { at, till };
}

function clockAfter(at: number, clock: string, zone: string, now: number): number | null {
  const shown = clock.includes(':') ? clock : `${clock}:00`;
  const on = (day: number): number | null => momentOf(`${rfc3339(day, zone).slice(0, 10)} ${shown}`, zone, now);
  const till = on(at);
  if (till === null || till > at) return till;
  const { year, month, day } = wallOf(at, zone);
  return on(startOfDay(year, month, day + 1, zone));
}

const NAMES = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

/**
 * A time as people write it, on the wall clock of a zone: `03:00` (the last one), `yesterday 3:00`, `29 Nov 03:00`,
 * `2026-11-29 03:00`, or RFC 3339. Null if it is none.
 */
export function momentOf(text: string, zone: string, now: number): number | null {
  const words = text.trim().toLowerCase();
  if (words === '') return null;
  if (/^\d{4}-\d\d-\d\dt.*(z|[+-]\d\d:?\d\d)$/.test(words)) {
    const exact = Date.parse(text.trim());
    return Number.isNaN(exact) ? null : exact;
  }
  const clock = /(?:^|[\st])(\d{1,2})(?::(\d\d))?(?::(\d\d))?\s*$/.exec(words);
  const named = clock !== null && (clock[2] !== undefined || words === clock[0].trim());
  const [hour, minute, second] = named ? [1, 2, 3].map((n) => Number(clock[n] ?? 0)) : [0, 0, 0];
  if (hour === undefined || minute === undefined || second === undefined) return null;
  if (hour > 23 || minute > 59 || second > 59) return null;
  const date = (named ? words.slice(0, clock.index) : words).trim();
  const today = wallOf(now, zone);
  const on = (year: number, month: number, day: number): number | null =>
    Number.isInteger(day) && day >= 1 && day <= 31 && month >= 1 && month <= 12
      ? wallToMoment(year, month, day, hour, minute, second, zone)
      : null;
  if (date === '' || date === 'today') {
    const at = on(today.year, today.month, today.day);
    // A bare clock means the last time it showed that; who means tomorrow says so.
    return at !== null && date === '' && at > now + 60_000 ? on(today.year, today.month, today.day - 1) ?? at - 86_400_000 : at;
  }
  if (date === 'yesterday' || date === 'tomorrow') {
    const shifted = new Date(Date.UTC(today.year, today.month - 1, today.day + (date === 'yesterday' ? -1 : 1)));
    return on(shifted.getUTCFullYear(), shifted.getUTCMonth() + 1, shifted.getUTCDate());
  }
  const iso = /^(\d{4})-(\d\d)-(\d\d)$/.exec(date);
  if (iso !== null) return on(Number(iso[1]), Number(iso[2]), Number(iso[3]));
  const spoken = /^(\d{1,2})\.?\s+([a-z]{3})[a-z]*\.?(?:\s+(\d{4}))?$/.exec(date);
  if (spoken !== null) {
    const month = NAMES.indexOf(spoken[2] ?? '') + 1;
    return on(spoken[3] === undefined ? today.year : Number(spoken[3]), month, Number(spoken[1]));
  }
  return null;
}

/** The moment at which a wall clock of the zone shows this; in an hour that comes twice, the first. */
export function wallToMoment(
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
  zone: string,
): number {
  const start = startOfDay(year, month, day, zone);
  const wanted = Date.UTC(year, month - 1, day, hour, minute, second);
  for (let shift = -2; shift <= 2; shift += 0.5) {
    const at = start + (hour + shift) * 3_600_000 + minute * 60_000 + second * 1000;
    const wall = wallOf(at, zone);
    if (Date.UTC(wall.year, wall.month - 1, wall.day, wall.hour, wall.minute, wall.second) === wanted) return at;
  }
  return start + hour * 3_600_000 + minute * 60_000 + second * 1000; // a time that was left out
}
