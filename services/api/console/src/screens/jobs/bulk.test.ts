import { expect, it } from 'vitest';
import type { Way } from '../../lib/http';
import { carryOut, changes, isSame, partOf, readUndoable } from './bulk';
import type { Became, Part, Target } from './bulk';
import { row } from './rows.test-support';

const target = (id: string, version = 3): Target => ({ id, group: 'etl', name: id, version });

/** A way to an API that answers by `answers`, in order; what was sent is kept. */
function wayTo(...answers: (() => Response)[]): { way: Way; sent: Request[] } {
  const sent: Request[] = [];
  const way: Way = {
    root: new URL('http://api.test/v1/monitor/'),
    credential: () => null,
    refused: () => Promise.resolve(false),
    fetch: (input, init) => {
      sent.push(new Request(input, init));
      const answer = answers.shift();
      return answer === undefined ? Promise.reject(new TypeError('no answer')) : Promise.resolve(answer());
    },
  };
  return { way, sent };
}
const job = (version: number, status = '1') => (): Response => Response.json({ id: 'j', version, status });
const problem = (status: number) => (): Response =>
  Response.json({ title: 'Changed meanwhile', detail: 'It has version 5.' }, { status });
const lost = (): Response => {
  throw new TypeError('connection lost');
};
const send = (part: Part): Promise<Became> => part.send({});

it('a job that is so already is not changed', () => {
  expect(changes('disable', row({ enabled: false }))).toBe(false);
  expect(changes('enable', row({ enabled: false }))).toBe(true);
  expect(changes('run', row({ enabled: false }))).toBe(true);
});

it('says the version that was seen, and why', async () => {
  const { way, sent } = wayTo(job(4));
  const became = await send(partOf(way, 'disable', target('j'), 'maintenance'));
  expect(became).toEqual({ state: 'done', version: 4, runId: null });
  expect(sent[0]?.method).toBe('PUT');
  expect(sent[0]?.url).toBe('http://api.test/v1/monitor/jobs/j/status');
  expect(sent[0]?.headers.get('If-Match')).toBe('"3"');
  expect(await sent[0]?.json()).toEqual({ status: '1', reason: 'maintenance' });
});

it('another who was first is not undone: the version stayed', async () => {
  const { way } = wayTo(job(3));
  expect(await send(partOf(way, 'disable', target('j'), null))).toEqual({ state: 'same' });
});

it('a job that was changed meanwhile is refused, in the words of the API', async () => {
  const { way } = wayTo(problem(412));
  expect(await send(partOf(way, 'disable', target('j'), null))).toMatchObject({
    state: 'refused',
    problem: { kind: 'stale', detail: 'It has version 5.' },
  });
});

it('a command whose answer was lost is known by the version that it made', async () => {
  const { way } = wayTo(lost, problem(412), job(4));
  const part = partOf(way, 'disable', target('j'), null);
  expect(await send(part)).toMatchObject({ state: 'refused', problem: { kind: 'network' } });
  expect(await send(part)).toEqual({ state: 'done', version: 4, runId: null });
});

it('nor is it refused for what a try did that Redis did not answer', async () => {
  const away = (): Response =>
    Response.json({ type: '/problems#log-unavailable', title: 'Redis' }, { status: 503, headers: { 'Retry-After': '0' } });
  const { way } = wayTo(away, problem(412), job(4));
  const waits: (string | null)[] = [];
  const part = partOf(way, 'disable', target('j'), null);
  expect(await part.send({ waits: (wait) => waits.push(wait?.problem.title ?? null) })).toMatchObject({ state: 'done' });
  expect(waits).toEqual(['Redis', null]);
});

it('what waits for a busy API is not sent again after a stop', async () => {
  const busy = (): Response => Response.json({ title: 'Busy' }, { status: 429, headers: { 'Retry-After': '20' } });
  const { way, sent } = wayTo(busy);
  const stop = new AbortController();
  const told: Became[] = [];
  const note = (_: number, became: Became): void => {
    told.push(became);
    if (became.state === 'sent' && became.wait !== null) stop.abort();
  };
  await carryOut([partOf(way, 'run', target('j'), null)], note, stop.signal);
  expect(told.at(-1)).toMatchObject({ state: 'refused', problem: { kind: 'busy' } });
  expect(sent).toHaveLength(1);
});

it('and not taken for done where another made that version', async () => {
  const { way } = wayTo(lost, problem(412), job(4, '0'));
  const part = partOf(way, 'disable', target('j'), null);
  await send(part);
  expect(await send(part)).toMatchObject({ state: 'refused', problem: { kind: 'stale' } });
});

it('a run that is tried again carries the same key', async () => {
  const { way, sent } = wayTo(lost, () => Response.json({ runId: 'r-1' }, { status: 202 }));
  const part = partOf(way, 'run', target('j'), null);
  expect(await send(part)).toMatchObject({ state: 'refused' });
  expect(await send(part)).toMatchObject({ state: 'done', runId: 'r-1' });
  const keys = sent.map((one) => one.headers.get('Idempotency-Key'));
  expect(keys[0]).toBe(keys[1]);
  expect(keys[0]).toMatch(/^[0-9a-f]{32}$/);
});

/** Parts that end when they are told to. */
function held(count: number): { parts: Part[]; end: (n: number) => void; under: () => number; most: () => number } {
  const ends: (() => void)[] = [];
  let [now, most] = [0, 0];
  const parts = Array.from({ length: count }, (_, n): Part => ({
    target: target(`j${n}`),
    send: () =>
      new Promise((resolve) => {
        now += 1;
        most = Math.max(most, now);
        ends[n] = () => {
          now -= 1;
          resolve({ state: 'done', version: 4, runId: null });
        };
      }),
  }));
  return { parts, end: (n) => ends[n]?.(), under: () => now, most: () => most };
}
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

it('at most so many are under way, and each is told of', async () => {
  const { parts, end, most } = held(20);
  const told: Record<string, string[]> = {};
  const all = carryOut(parts, (n, became) => (told[n] ??= []).push(became.state), new AbortController().signal, 8);
  for (let n = 0; n < 20; n += 1) {
    await turn();
    end(n);
  }
  await all;
  expect(most()).toBe(8);
  expect(Object.values(told)).toEqual(Array.from({ length: 20 }, () => ['sent', 'done']));
});

it('after a stop no further one is sent, and those under way end', async () => {
  const { parts, end, under } = held(20);
  const stop = new AbortController();
  const told = new Map<number, string>();
  const all = carryOut(parts, (n, became) => told.set(n, became.state), stop.signal, 3);
  await turn();
  stop.abort();
  for (const n of [0, 1, 2]) end(n);
  await all;
  expect(under()).toBe(0);
  expect([...told.values()]).toEqual(['done', 'done', 'done']);
});

it('a list is the same by its jobs, in any order', () => {
  expect(isSame([target('a'), target('b')], [target('b'), target('a')])).toBe(true);
  expect(isSame([target('a')], [target('a'), target('b')])).toBe(false);
  expect(isSame([target('a'), target('c')], [target('a'), target('b')])).toBe(false);
});

it('what is kept for undo is read back, and nothing else', () => {
  const kept = { action: 'disable', at: 5, targets: [target('a')] };
  expect(readUndoable(JSON.stringify(kept))).toEqual(kept);
  for (const bad of [null, '', '{', 'null', '{"action":"delete","at":1,"targets":[]}', '{"action":"disable","at":1,"targets":[{}]}']) {
    expect(readUndoable(bad)).toBeNull();
  }
});
