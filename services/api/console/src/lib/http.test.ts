import { describe, expect, it } from 'vitest';
import { addressOf, ask, freshKey } from './http';
import type { Way } from './http';

const root = new URL('https://clock.example/a/v1/monitor/');

function way(answers: Response[], credentials: (string | null)[] = [null]): Way & { seen: Request[] } {
  const seen: Request[] = [];
  return {
    root,
    seen,
    fetch: async (input, init) => {
      seen.push(new Request(input as string, init as RequestInit));
      return answers.shift() ?? Promise.reject(new TypeError('Failed to fetch'));
    },
    credential: () => credentials[0] ?? null,
    refused: async () => {
      credentials.shift();
      return credentials.length > 0;
    },
  };
}

describe('a request', () => {
  it('goes below the root, with what is given of the query', () => {
    expect(addressOf(root, 'runs', { status: ['failed', 'died'], q: null, limit: 5 })).toBe(
      'https://clock.example/a/v1/monitor/runs?status=failed&status=died&limit=5',
    );
  });

  it('is made again with the new credential after a 401', async () => {
    const there = way([new Response('{"title":"No"}', { status: 401 }), new Response('{"a":1}')], ['old', 'new']);
    const answer = await ask<{ a: number }>(there, 'me', { method: 'POST', body: { typed: true } });
    expect(answer).toMatchObject({ ok: true, data: { a: 1 } });
    expect(there.seen.map((request) => request.headers.get('authorization'))).toEqual(['Bearer old', 'Bearer new']);
    expect(await there.seen[1]?.json()).toEqual({ typed: true });
  });

  it('without an answer is a problem, not an exception', async () => {
    expect(await ask(way([]), 'jobs')).toMatchObject({ ok: false, problem: { kind: 'network' } });
    expect(await ask(way([new Response('<p>', { status: 200 })]), 'jobs')).toMatchObject({
      ok: false,
      problem: { kind: 'malformed' },
    });
    expect(await ask(way([new Response(null, { status: 204 })]), 'jobs')).toMatchObject({ ok: true, data: undefined });
  });

  it('that is given up says so', async () => {
    const signal = AbortSignal.abort();
    const aborted: Way = { ...way([]), fetch: (_, init) => Promise.reject((init?.signal as AbortSignal).reason) };
    expect(await ask(aborted, 'jobs', { signal })).toMatchObject({ ok: false, problem: { kind: 'network' } });
  });
});

it('keys differ', () => {
  expect(new Set(Array.from({ length: 100 }, freshKey)).size).toBe(100);
  expect(freshKey()).toMatch(/^[0-9a-f]{32}$/);
});
