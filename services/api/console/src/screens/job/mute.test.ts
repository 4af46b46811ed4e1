import { describe, expect, it } from 'vitest';
import { lasting, tomorrow } from './mute';

const at = (text: string) => Date.parse(text);

describe('until tomorrow 08:00', () => {
  it.each([
    ['2026-11-30T22:00:00Z', 'Europe/Berlin', '2026-12-01T07:00:00.000Z'],
    ['2026-11-30T23:30:00Z', 'Europe/Berlin', '2026-12-02T07:00:00.000Z'], // it is the next day there already
    ['2026-12-31T12:00:00Z', 'UTC', '2027-01-01T08:00:00.000Z'],
    ['2026-03-28T12:00:00Z', 'Europe/Berlin', '2026-03-29T06:00:00.000Z'], // the clock goes forward in the night
    ['2026-10-24T12:00:00Z', 'Europe/Berlin', '2026-10-25T07:00:00.000Z'], // and back
    ['2026-11-30T12:00:00Z', 'Asia/Kathmandu', '2026-12-01T02:15:00.000Z'],
  ])('%s in %s', (now, zone, then) => {
    expect(new Date(tomorrow(at(now), zone)).toISOString()).toBe(then);
    expect(lasting('morning', at(now), zone)).toEqual({ until: then });
  });
});

describe('what has a length', () => {
  it('is told as one, so that the clock of the browser does not count', () => {
    expect(lasting('hour', 0, 'UTC')).toEqual({ for: 3600 });
    expect(lasting('week', 0, 'UTC')).toEqual({ for: 604_800 });
  });
});
