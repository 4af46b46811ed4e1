import { describe, expect, it } from 'vitest';
import { blockerOf, isUnknown, malformed, noAnswer, passes, problemOf, waitOf } from './problem';

const none = new Headers();

describe('a problem', () => {
  it('is the document in its own words', () => {
    const body = JSON.stringify({
      type: '/problems#invalid',
      title: 'The body is not valid',
      status: 422,
      detail: '/a: is unknown',
      errors: [{ pointer: '/a', message: 'is unknown' }, 'nonsense'],
      requestId: 'r1',
    });
    expect(problemOf(422, none, body)).toMatchObject({
      kind: 'invalid',
      title: 'The body is not valid',
      errors: [{ pointer: '/a', message: 'is unknown' }],
      requestId: 'r1',
    });
  });

  it('of a gateway is told apart from ours', () => {
    // The API is away behind it: as with no answer, it is asked again.
    expect(problemOf(502, none, '<html>Bad Gateway</html>').kind).toBe('server');
    expect(problemOf(413, none, '<html>Too Large</html>').kind).toBe('malformed');
    expect(problemOf(404, none, '"not found"').kind).toBe('malformed');
    expect(problemOf(503, new Headers({ 'retry-after': '2' }), '').kind).toBe('busy');
    expect(problemOf(500, none, '{"title":"x"}').kind).toBe('server');
  });

  it('tells what may have been done from what was not, and what may pass', () => {
    const of = (status: number, body = '{"title":"x","type":"/problems#x"}') => problemOf(status, none, body);
    const redis = of(503, '{"title":"x","type":"/problems#log-unavailable"}');
    const lost = [noAnswer('cut'), of(500), of(504, '<html>'), malformed(200, 'a page of a gateway'), of(503, '<html>'), redis];
    expect(lost.every(isUnknown)).toBe(true);
    expect([of(409), of(412), of(422), of(429), of(503), of(403), of(404)].some(isUnknown)).toBe(false);
    expect([...lost.slice(0, 3), of(429), of(503)].every(passes)).toBe(true);
    expect([of(403), of(404), of(409), of(422)].some(passes)).toBe(false);
  });

  it('says how long to wait', () => {
    expect(waitOf('3')).toBe(3000);
    expect(waitOf('Mon, 30 Nov 2026 09:00:05 GMT', Date.parse('2026-11-30T09:00:00Z'))).toBe(5000);
    expect(waitOf('0')).toBe(500);
    expect(waitOf('Mon, 30 Nov 2026 09:00:05 GMT', Date.parse('2026-11-30T10:00:00Z'))).toBe(500);
    expect(waitOf('soon')).toBeNull();
    expect(waitOf(null)).toBeNull();
    expect(waitOf('999999')).toBe(3_600_000);
  });

  it('names the run that blocks', () => {
    const blocker = (type: string): string | null => blockerOf(problemOf(409, none, JSON.stringify({ type, title: 'x', runId: 'a-b' })));
    expect(blocker('/problems#run-blocked')).toBe('a-b');
    expect(blocker('/prefix/problems#run-blocked')).toBe('a-b');
    expect(blocker('/problems#run-ended')).toBeNull();
    expect(blockerOf(problemOf(409, none, '{"type":"/problems#run-blocked","detail":"x"}'))).toBeNull();
  });
});
