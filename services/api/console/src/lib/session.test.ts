import { describe, expect, it } from 'vitest';
import { Session } from './session';
import type { Phase, Surroundings } from './session';
import type { Channel } from './locks';

const ME = { name: 'deployer', kind: 'key', scopes: ['list', 'query'], asked: true, now: '2026-11-30T09:00:01.000Z' };

function storage(): Storage {
  const kept = new Map<string, string>();
  return {
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, value: string) => void kept.set(name, value),
    removeItem: (name: string) => void kept.delete(name),
    get length() {
      return kept.size;
    },
  } as unknown as Storage;
}

function browser(prefix = '') {
  const channels: { channel: Channel; heard: Set<(event: MessageEvent<unknown>) => void> }[] = [];
  const said: unknown[] = [];
  const channel = (): Channel => {
    const heard = new Set<(event: MessageEvent<unknown>) => void>();
    const one: Channel = {
      postMessage: (data) => {
        said.push(data);
        for (const other of channels) if (other.channel !== one) for (const hear of other.heard) hear({ data } as MessageEvent);
      },
      addEventListener: (_, hear) => void heard.add(hear),
      removeEventListener: (_, hear) => void heard.delete(hear),
    };
    channels.push({ channel: one, heard });
    return one;
  };
  const seen: (string | null)[] = [];
  const good = new Set(['key-1', 'key-2']);
  let open = false;
  const tab = (kept = storage()): Session =>
    new Session({
      root: new URL(`https://clock.example${prefix}/v1/monitor/`),
      fetch: (async (_: unknown, init: RequestInit) => {
        const given = new Headers(init.headers).get('authorization')?.replace('Bearer ', '') ?? null;
        seen.push(given);
        if (open || (given !== null && good.has(given))) return new Response(JSON.stringify({ ...ME, asked: !open }));
        return new Response('{"title":"Unauthorized"}', { status: 401 });
      }) as typeof fetch,
      storage: () => kept,
      channel: channel(),
      now: () => Date.parse('2026-11-30T09:00:00.000Z'),
      siblings: 5,
    } satisfies Surroundings);
  return { tab, seen, said, good, openAll: () => (open = true) };
}

const turned = (session: Session, phase: Phase['phase']): Promise<void> =>
  new Promise((resolve) => {
    const stop = session.subscribe((now) => {
      if (now.phase !== phase) return;
      stop();
      resolve();
    });
  });

describe('a session', () => {
  it('is never asked for where nobody is asked', async () => {
    const { tab, openAll, seen } = browser();
    openAll();
    const session = tab();
    await session.start();
    expect(session.phase).toMatchObject({ phase: 'in', me: { asked: false } });
    expect(seen).toEqual([null]);
    expect(session.skew).toBe(1000);
  });

  it('is kept in this tab, and handed to a new one', async () => {
    const { tab } = browser();
    const first = tab();
    await first.start();
    expect(first.phase).toEqual({ phase: 'out', me: null, problem: null });
    expect(await first.signIn('nonsense')).toMatchObject({ kind: 'unauthorized' });
    expect(await first.signIn(' key-1\n')).toBeNull();
    const second = tab();
    await second.start();
    expect(second.phase.phase).toBe('in');
    expect(second.credential()).toBe('key-1');
  });

  it('is not handed on under a prefix', async () => {
    const { tab, said } = browser('/clock');
    const first = tab();
    await first.signIn('key-1');
    const second = tab();
    await second.start();
    expect(second.phase.phase).toBe('out');
    expect(JSON.stringify(said)).not.toContain('key-1');
  });

  it('ends in all tabs', async () => {
    const { tab } = browser();
    const kept = storage();
    const [first, second] = [tab(kept), tab()];
    await first.signIn('key-1');
    await second.start();
    second.signOut();
    expect(first.phase.phase).toBe('out');
    expect(first.credential()).toBeNull();
    expect(kept.length).toBe(0);
  });

  it('that ends in the middle is asked for once, and all that failed is made again', async () => {
    const { tab, good } = browser();
    const session = tab();
    await session.signIn('key-1');
    good.delete('key-1');
    const phases: Phase['phase'][] = [];
    session.subscribe((phase) => phases.push(phase.phase));
    const waiting = [session.refused('key-1'), session.refused('key-1')];
    await turned(session, 'out');
    expect(phases).toEqual(['out']);
    expect(session.phase).toMatchObject({ phase: 'out', me: { name: 'deployer' } });
    await session.signIn('key-2');
    expect(await Promise.all(waiting)).toEqual([true, true]);
    expect(await session.refused('key-1')).toBe(true);
  });

  it('that ends goes on with the key that another tab has by now, and asks for none', async () => {
    const { tab, good } = browser();
    const [first, second, third] = [tab(), tab(), tab()];
    for (const one of [first, second, third]) await one.signIn('key-1');
    good.delete('key-1');
    const ended = second.refused('key-1');
    await turned(second, 'out');
    await second.signIn('key-2');
    expect(await ended).toBe(true);
    const phases: Phase['phase'][] = [];
    first.subscribe((phase) => phases.push(phase.phase));
    expect(await Promise.all([first.refused('key-1'), first.refused('key-1')])).toEqual([true, true]);
    expect(first.credential()).toBe('key-2');
    expect(phases).toEqual(['in']);
    expect(third.credential()).toBe('key-1'); // which has not been refused to it yet
  });

  it('may be left unsigned: what failed stays failed', async () => {
    const { tab } = browser();
    const session = tab();
    await session.signIn('key-1');
    const waiting = session.refused('key-1');
    await turned(session, 'out');
    session.dismiss();
    expect(await waiting).toBe(false);
    expect(session.phase.phase).toBe('in');
  });

  it('asks who it is when a stream has ended, and is left alone while it is let in', async () => {
    const { tab, good } = browser();
    const session = tab();
    await session.signIn('key-1');
    expect(await session.ended('key-1')).toBe(true);
    expect(session.phase.phase).toBe('in');
    good.delete('key-1');
    const ended = session.ended('key-1');
    await new Promise<void>((resolve) => session.subscribe((phase) => phase.phase === 'out' && resolve()));
    await session.signIn('key-2');
    expect(await ended).toBe(true);
  });

  it('finds an API that comes back by itself', async () => {
    let away = true;
    const { tab, openAll } = browser();
    openAll();
    const there = tab();
    const session = new Session({
      root: there.root,
      fetch: ((...asked) => (away ? Promise.reject(new TypeError('refused')) : there.fetch(...asked))) as typeof fetch,
      storage,
      channel: null,
      now: Date.now,
      retry: 1,
    });
    await session.start();
    expect(session.phase).toMatchObject({ phase: 'away', problem: { kind: 'network' } });
    const phases: Phase['phase'][] = [];
    const back = new Promise<void>((resolve) =>
      session.subscribe((phase) => {
        phases.push(phase.phase);
        if (phase.phase === 'in') resolve();
      }),
    );
    away = false;
    await back;
    expect(phases).not.toContain('asking'); // what is shown stays until it is known better
  });

  it('knows what it may do', async () => {
    const { tab } = browser();
    const session = tab();
    await session.signIn('key-1');
    expect([session.may('query'), session.may('run')]).toEqual([true, false]);
  });
});
