// The time of a line in few characters: since the attempt began, or by the clock. Called for thousands of lines.

import { offsetAt } from '../../../lib/zone';

const offsets = new Map<string, number>();
const padded = (value: number, width = 2): string => String(value).padStart(width, '0');

/** `02:14:07.123` in a zone. Offsets are looked up once for each quarter of an hour: no zone changes within one. */
export function clockStamp(at: number, zone: string): string {
  const quarter = Math.floor(at / 900_000);
  const key = `${zone} ${quarter}`;
  let offset = offsets.get(key);
  if (offset === undefined) {
    if (offsets.size > 5000) offsets.clear();
    offset = offsetAt(quarter * 900_000, zone);
    offsets.set(key, offset);
  }
  return ofDay(at + offset * 60_000);
}

function ofDay(at: number): string {
  const ms = ((at % 86_400_000) + 86_400_000) % 86_400_000;
  return `${padded(Math.floor(ms / 3_600_000))}:${padded(Math.floor(ms / 60_000) % 60)}:${padded(Math.floor(ms / 1000) % 60)}.${padded(ms % 1000, 3)}`;
}

/** `+0.123`, `+3:07.100`, `+1:02:03.004`; a line before the beginning (another clock) has a minus. */
export function sinceStamp(at: number, start: number): string {
  const length = Math.abs(at - start);
  const [h, m, s, ms] = [Math.floor(length / 3_600_000), Math.floor(length / 60_000) % 60, Math.floor(length / 1000) % 60, length % 1000];
  const seconds = `${h + m > 0 ? padded(s) : s}.${padded(ms, 3)}`;
  const minutes = h > 0 ? `${h}:${padded(m)}:` : m > 0 ? `${m}:` : '';
  return `${at < start ? '−' : '+'}${minutes}${seconds}`;
}
