// Lengths of time as text: short for tables, in words for sentences and screen readers.

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** Two units at most: `840 ms`, `4.2 s`, `3 min 12 s`, `2 h 5 min`, `3 d 4 h`. Negative lengths carry a minus sign. */
export function short(ms: number): string {
  const sign = ms < 0 ? '−' : '';
  const length = Math.abs(ms);
  if (length < SECOND) return `${sign}${Math.round(length)} ms`;
  if (length < 10 * SECOND) return `${sign}${trimmed(length / SECOND)} s`;
  if (length < MINUTE - 500) return `${sign}${Math.round(length / SECOND)} s`;
  if (length < HOUR - 500) return `${sign}${two(length, MINUTE, 'min', SECOND, 's')}`;
  if (length < DAY - MINUTE / 2) return `${sign}${two(length, HOUR, 'h', MINUTE, 'min')}`;
  return `${sign}${two(length, DAY, 'd', HOUR, 'h')}`;
}

/** As `short`, in whole words: `3 minutes 12 seconds`. */
export function inWords(ms: number): string {
  const names: Record<string, string> = { ms: 'millisecond', s: 'second', min: 'minute', h: 'hour', d: 'day' };
  return short(ms).replace(/([\d.]+) (\w+)/g, (_, count: string, unit: string) => {
    const name = names[unit] ?? unit;
    return `${count} ${name}${count === '1' ? '' : 's'}`;
  });
}

/** One unit, for what moves by the second: `now`, `12 s`, `3 min`, `5 h`, `12 d`. */
export function rough(ms: number): string {
  const length = Math.abs(ms);
  if (length < SECOND) return 'now';
  if (length < MINUTE) return `${Math.floor(length / SECOND)} s`;
  if (length < HOUR) return `${Math.floor(length / MINUTE)} min`;
  if (length < 2 * DAY) return `${Math.floor(length / HOUR)} h`;
  return `${Math.floor(length / DAY)} d`;
}

/** `4 min ago`, `in 3 h`, `now`. */
export function relative(ms: number): string {
  const length = rough(ms);
  if (length === 'now') return length;
  return ms < 0 ? `${length} ago` : `in ${length}`;
}

function trimmed(value: number): string {
  const written = value.toFixed(1);
  return written.endsWith('.0') ? written.slice(0, -2) : written;
}

function two(length: number, large: number, largeName: string, small: number, smallName: string): string {
  const rounded = Math.round(length / small) * small;
  const whole = Math.floor(rounded / large);
  const rest = Math.round((rounded - whole * large) / small);
  return rest === 0 ? `${whole} ${largeName}` : `${whole} ${largeName} ${rest} ${smallName}`;
}
