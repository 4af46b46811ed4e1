// The time of a line in few characters: since the attempt began, or by the clock. Called for thousands of lines.

import { offsetAt } from '../../../lib/zone';

const padded = (value: number, width = 2): string => String(value).padStart(width, '0');

/** `02:14:07.123` in a zone. */
export const clockStamp = (at: number, zone: string): string => ofDay(at + offsetAt(at, zone) * 60_000);

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
