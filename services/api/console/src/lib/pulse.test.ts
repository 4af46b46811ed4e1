import { describe, expect, it, vi } from 'vitest';
import { noLocks } from './locks';
import type { Channel, Locks } from './locks';
import { SharedPulse, takeSeat } from './pulse';
import type { Live, Tabs } from './pulse';
import type { Session } from './session';

const PULSE = { at: '2026-11-30T09:00:00.000Z', jobs: ['a'], runs: [], many: false };

/** Locks of one browser, for all of its tabs. */
function browserLocks(): Locks {
  const held = new Set<string>();
  const waiting = new Map<string, (() => void)[]>();
  const take = (name: string, signal: AbortSignal): void => {
    held.add(name);
    signal.addEventListener('abort', () => {
      held.delete(name);
      waiting.get(name)?.shift()?.();
    });
  };
  return {
    tryHold: async (name, signal) => {
      if (signal.aborted || held.has(name)) return false;
      take(name, signal);
      return true;
    },
    hold: async (name, signal) => {
      while (held.has(name)) {
        await new Promise<void>((resolve) => {
          waiting.set(name, [...(waiting.get(name) ?? []), resolve]);
          signal.addEventListener('abort', () => resolve());
        });
        if (signal.aborted) return false;
      }
      take(name, signal);
      return true;
    },
  };
}

function channels(): () => Channel {
  const all = new Map<Channel, Set<(event: MessageEvent<unknown>) => void>>();
  return () => {
    const heard = new Set<(event: MessageEvent<unknown>) => void>();
    const own: Channel = {
      postMessage: (data) => {
        for (const [other, listeners] of all) {
          if (other !== own) for (const listener of listeners) listener({ data } as MessageEvent);
        }
      },
      addEventListener: (_, listener) => void heard.add(listener),
      removeEventListener: (_, listener) => void heard.delete(listener),
    };
    all.set(own, heard);
    return own;
  };
}

function tab(locks: Locks, channel: Channel | null, answer: (signal: AbortSignal) => Response, every = 1) {
  const opened: number[] = [];
  const session = {
    root: new URL('https://clock.example/v1/monitor/'),
    fetch: async (_: unknown, init: RequestInit) => {
      opened.push(opened.length);
      return answer(init.signal as AbortSignal);
    },
    skew: 0,
    credential: () => null,
    refused: async () => false,
    ended: async () => true,
  } as unknown as Session;
  let show: (visible: boolean) => void = () => undefined;
  const tabs: Tabs = {
    locks,
    channel,
    prefix: '',
    visibility: (heard) => {
      show = heard;
      return () => undefined;
    },
    hiddenAfter: 1,
    every,
    seatless: 1,
  };
  const pulse = new SharedPulse(session, tabs);
  const lives: Live['state'][] = [];
  const pulses: (string | null)[] = [];
  let wake: () => void = () => undefined;
  pulse.subscribe({
    pulse: (one) => {
      pulses.push(one?.at ?? null);
      wake();
    },
    live: (live) => {
      lives.push(live.state);
      wake();
    },
  });
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) await new Promise<void>((resolve) => (wake = resolve));
  };
  return { pulse, opened, lives, pulses, until, show: (visible: boolean) => show(visible) };
}

/** A stream that says one pulse and stays open until it is ended. */
function open(signal: AbortSignal): Response {
  const body = new ReadableStream({
    start: (controller) => {
      controller.enqueue(new TextEncoder().encode(`event: pulse\ndata: ${JSON.stringify(PULSE)}\n\n`));
      signal.addEventListener('abort', () => controller.error(new Error('aborted')));
    },
  });
  return new Response(body);
}

describe('the pulse', () => {
  it('is one stream for two tabs, and goes on in the second when the first is hidden', async () => {
    const [locks, channel] = [browserLocks(), channels()];
    const end = new AbortController();
    const first = tab(locks, channel(), open);
    const second = tab(locks, channel(), open);
    first.pulse.start(end.signal);
    await first.until(() => first.pulses.length > 0);
    second.pulse.start(end.signal);
    await second.until(() => second.pulses.length > 0 && second.lives.at(-1) === 'live');
    expect([first.opened.length, second.opened.length]).toEqual([1, 0]);

    first.show(false);
    await first.until(() => first.lives.at(-1) === 'hidden');
    expect(second.pulses).not.toContain(null);
    await second.until(() => second.opened.length === 1 && second.lives.at(-1) === 'live');
    await second.until(() => second.pulses.includes(null)); // what changed between the two streams
    end.abort();
  });

  it('stands still while it is paused', async () => {
    const end = new AbortController();
    const one = tab(noLocks, null, open);
    one.pulse.start(end.signal);
    await one.until(() => one.lives.at(-1) === 'live');
    one.pulse.pause(true);
    expect(one.lives.at(-1)).toBe('paused');
    one.pulse.pause(false);
    await one.until(() => one.opened.length === 2 && one.lives.at(-1) === 'live');
    expect(one.pulses).toContain(null); // what is shown may be old
    end.abort();
  });

  it('is asked for by the page where the API has none', async () => {
    const end = new AbortController();
    const one = tab(noLocks, null, () => new Response('{"title":"Not found"}', { status: 404 }));
    one.pulse.start(end.signal);
    await one.until(() => one.pulses.length >= 2);
    expect(one.lives.at(-1)).toBe('polling');
    expect(one.pulses).toEqual(expect.arrayContaining([null]));
    end.abort();
  });

  it('is refused to who may not list', async () => {
    const end = new AbortController();
    const one = tab(noLocks, null, () => new Response('{"title":"Forbidden"}', { status: 403 }));
    one.pulse.start(end.signal);
    await one.until(() => one.lives.at(-1) === 'off');
    end.abort();
  });
});

it('asks by requests while the API has no stream to spare, and takes one that is free', async () => {
  const end = new AbortController();
  const full = (): Response => new Response('{"type":"/problems#streams-full","title":"Full"}', { status: 503 });
  let left = 3;
  const one = tab(noLocks, null, (signal) => (left-- > 0 ? full() : open(signal)));
  one.pulse.start(end.signal);
  await one.until(() => one.lives.at(-1) === 'live');
  expect(one.lives).not.toContain('lost');
  expect(one.lives.slice(one.lives.indexOf('polling'))).not.toContain('connecting');
  expect(one.pulses.filter((pulse) => pulse === null)).toHaveLength(3);
  end.abort();
});

it('begins again for who may do more than before', async () => {
  const end = new AbortController();
  let may = false;
  const one = tab(noLocks, null, (signal) => (may ? open(signal) : new Response('{"title":"Forbidden"}', { status: 403 })));
  one.pulse.start(end.signal);
  await one.until(() => one.lives.at(-1) === 'off');
  may = true;
  one.pulse.again();
  await one.until(() => one.lives.at(-1) === 'live');
  end.abort();
});

it('asks at once where it was lost, however long it would wait', async () => {
  const end = new AbortController();
  let away = true;
  const one = tab(noLocks, null, (signal) =>
    away ? new Response('{"title":"Away"}', { status: 503, headers: { 'Retry-After': '3600' } }) : open(signal),
  );
  one.pulse.start(end.signal);
  await one.until(() => one.lives.at(-1) === 'lost');
  away = false;
  one.pulse.again();
  await one.until(() => one.lives.at(-1) === 'live');
  end.abort();
});

it('what a tab does not know of a stream that was lost, its siblings do not either', async () => {
  const [locks, channel] = [browserLocks(), channels()];
  const end = new AbortController();
  const full = (): Response => new Response('{"type":"/problems#streams-full","title":"Full"}', { status: 503 });
  const [first, second] = [tab(locks, channel(), full), tab(locks, channel(), full)];
  first.pulse.start(end.signal);
  await first.until(() => first.lives.at(-1) === 'polling');
  second.pulse.start(end.signal);
  await second.until(() => second.pulses.includes(null) && second.lives.at(-1) === 'polling');
  expect(second.opened).toEqual([]);
  end.abort();
});

it('under a prefix the fourth tab asks by itself, until a seat is free', async () => {
  const locks = browserLocks();
  const ends = [1, 2, 3, 4].map(() => new AbortController());
  const all = ends.map(() => tab(locks, null, open));
  for (const [n, one] of all.entries()) {
    one.pulse.start((ends[n] as AbortController).signal);
    await one.until(() => one.lives.at(-1) === (n < 3 ? 'live' : 'polling'));
  }
  ends[1]?.abort();
  const last = all[3] as (typeof all)[number];
  await last.until(() => last.lives.at(-1) === 'live');
  expect(last.opened).toHaveLength(1);
  for (const end of ends) end.abort();
});

it('is opened again after its credential has ended, where there is another', async () => {
  const end = new AbortController();
  const closed = (): Response => new Response('event: closed\ndata: {"reason":"expired"}\n\n');
  let first = true;
  const one = tab(noLocks, null, (signal) => {
    const answer = first ? closed() : open(signal);
    first = false;
    return answer;
  });
  one.pulse.start(end.signal);
  await one.until(() => one.opened.length === 2 && one.lives.at(-1) === 'live');
  end.abort();
});

it('is not opened without end with a credential that is over for it alone', async () => {
  const end = new AbortController();
  const closed = (): Response => new Response('event: closed\ndata: {"reason":"expired"}\n\n');
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  const turns = async (ms: number): Promise<void> => {
    await vi.advanceTimersByTimeAsync(ms);
    for (let n = 0; n < 20; n += 1) await new Promise(setImmediate);
  };
  const one = tab(noLocks, null, closed, 5000);
  one.pulse.start(end.signal);
  await turns(4999);
  expect(one.opened).toHaveLength(1);
  await turns(1);
  expect(one.opened).toHaveLength(2);
  end.abort();
  vi.useRealTimers();
});

it('four streams have a seat, and the fifth has none', async () => {
  const locks = browserLocks();
  const end = new AbortController();
  const tabs: Tabs = { locks, channel: null, prefix: '/a', visibility: () => () => undefined };
  const got = [];
  for (let n = 0; n < 5; n += 1) got.push(await takeSeat(tabs, end.signal));
  expect(got).toEqual([true, true, true, true, false]);
});
