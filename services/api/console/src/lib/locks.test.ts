import { describe, expect, it } from 'vitest';
import { HeartbeatLocks } from './locks';
import type { Channel } from './locks';

/** Channels that hear each other, as those of two tabs. */
function tabs(): () => Channel {
  const all = new Set<{ heard: Set<(event: MessageEvent<unknown>) => void> }>();
  return () => {
    const own = { heard: new Set<(event: MessageEvent<unknown>) => void>() };
    all.add(own);
    return {
      postMessage: (data) => {
        for (const other of all) {
          if (other !== own) for (const heard of other.heard) queueMicrotask(() => heard({ data } as MessageEvent));
        }
      },
      addEventListener: (_, heard) => void own.heard.add(heard),
      removeEventListener: (_, heard) => void own.heard.delete(heard),
    };
  };
}

const BEATS = { beat: 5, silent: 25, claim: 8 };

describe('a lock by heartbeats', () => {
  it('is held by one of three tabs, and goes on to another when it is let go', async () => {
    const open = tabs();
    const ends = [new AbortController(), new AbortController(), new AbortController()];
    const held: number[] = [];
    const waiting = ends.map(async (end, n) => {
      const locks = new HeartbeatLocks(open(), `tab-${n}`, BEATS);
      if (await locks.hold('pulse', end.signal)) held.push(n);
    });
    await waiting[0];
    expect(held).toEqual([0]);
    ends[0]?.abort();
    await Promise.race([waiting[1], waiting[2]]);
    expect(held).toHaveLength(2);
    ends.forEach((end) => end.abort());
    await Promise.all(waiting);
  });

  it('is not had while another holds it, and is had when that one falls silent', async () => {
    const open = tabs();
    const dead = open();
    const end = new AbortController();
    const locks = new HeartbeatLocks(open(), 'b', BEATS);
    const beat = setInterval(() => dead.postMessage({ lock: 'pulse', word: 'beat', from: 'c' }), 3);
    expect(await locks.tryHold('pulse', end.signal)).toBe(false);
    expect(await locks.tryHold('other', end.signal)).toBe(true);
    const later = locks.hold('pulse', end.signal);
    clearInterval(beat);
    expect(await later).toBe(true);
    end.abort();
  });
});
