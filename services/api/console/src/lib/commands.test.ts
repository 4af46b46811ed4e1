import { expect, it } from 'vitest';
import { command } from './commands';
import type { Wait } from './commands';
import type { Way } from './http';

function way(answers: (() => Response)[]): Way & { seen: Request[] } {
  const seen: Request[] = [];
  return {
    seen,
    root: new URL('https://clock.example/v1/monitor/'),
    fetch: async (input, init) => {
      seen.push(new Request(input as string, init as RequestInit));
      return answers.shift()?.() ?? Promise.reject(new TypeError('cut'));
    },
    credential: () => null,
    refused: async () => false,
  };
}

it('a command has the same key for each try', async () => {
  const busy = () => new Response('{"title":"Busy"}', { status: 503, headers: { 'retry-after': '0' } });
  const there = way([busy, busy, () => new Response('{"runId":"r"}', { status: 202 })]);
  const waits: (number | null)[] = [];
  const before = Date.now();
  const waiting = (wait: Wait | null): void => void waits.push(wait === null ? null : wait.again - before);
  const done = await command<{ runId: string }>(there, 'jobs/a/trigger').send({ waits: waiting });
  expect(done).toMatchObject({ ok: true, stored: true, data: { runId: 'r' } });
  expect(waits).toEqual([expect.any(Number), null, expect.any(Number), null]);
  const keys = there.seen.map((request) => request.headers.get('idempotency-key'));
  expect(keys).toHaveLength(3);
  expect(new Set(keys).size).toBe(1);
});

it('whose answer was lost can be sent again with its key', async () => {
  const there = way([]);
  const trigger = command(there, 'jobs/a/trigger', { body: { reason: 'again' } });
  expect(await trigger.send()).toMatchObject({ ok: false, problem: { kind: 'network' } });
  await trigger.send();
  expect(there.seen[0]?.headers.get('idempotency-key')).toBe(there.seen[1]?.headers.get('idempotency-key'));
});

it('a change names the version that it is of', async () => {
  const there = way([() => new Response('{}')]);
  await command(there, 'jobs/a', { method: 'PUT', body: {}, ifMatch: 4, query: { reason: 'why' } }).send();
  const [request] = there.seen;
  expect(request?.headers.get('if-match')).toBe('"4"');
  expect(request?.headers.get('idempotency-key')).toBeNull();
  expect(request?.url).toContain('?reason=why');
});

it('a wait that is given up is not followed by another try', async () => {
  const there = way([() => new Response('{"title":"Busy"}', { status: 503, headers: { 'retry-after': '20' } })]);
  const end = new AbortController();
  const waits = (wait: Wait | null): void => (wait === null ? undefined : end.abort());
  expect(await command(there, 'jobs/a/trigger').send({ signal: end.signal, waits })).toMatchObject({
    ok: false,
    problem: { kind: 'busy' },
  });
  expect(there.seen).toHaveLength(1);
});

it('is not waited for longer than is told to a person', async () => {
  const there = way([() => new Response('{}', { status: 429, headers: { 'retry-after': '600' } })]);
  expect(await command(there, 'jobs/a/trigger').send()).toMatchObject({ ok: false, problem: { retryAfter: 600_000 } });
});
