import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import { Frames } from '../../../lib/sse';
import type { Way } from '../../../lib/http';
import type { Line } from './book';
import { followRun, take } from './stream';
import type { Place } from './stream';

const batch = (position: number, ...texts: string[]): string =>
  `id: 0-1-${position}\nevent: step.log\ndata: ${JSON.stringify({ attempt: 1, number: 2, lines: texts.map((text) => ({ at: '2026-11-30T02:00:00.000Z', level: 'info', text })) })}\n\n`;

function heard(): { lines: Line[]; events: string[]; broken: number; of: Parameters<typeof take>[2] } {
  const told = {
    lines: [] as Line[],
    events: [] as string[],
    broken: 0,
    of: {
      lines: (lines: readonly Line[]) => void told.lines.push(...lines),
      event: (type: string) => void told.events.push(type),
      broken: () => void (told.broken += 1),
    },
  };
  return told;
}

it('numbers lines on from the last that is known, wherever the network cuts', () => {
  const stream = batch(8, 'a', 'b') + 'id: 0-1-9\nevent: step.finished\ndata: {"attempt":1}\n\n' + batch(10, 'c');
  fc.assert(
    fc.property(fc.array(fc.nat(stream.length)), (cuts) => {
      const told = heard();
      const place: Place = { position: '0-1-7', last: 41 };
      const frames = new Frames(place.position);
      const edges = [0, ...cuts.toSorted((a, b) => a - b), stream.length];
      for (let n = 0; n + 1 < edges.length; n += 1) {
        for (const message of frames.push(stream.slice(edges[n], edges[n + 1]))) take(message, place, told.of);
      }
      expect(told.lines.map((line) => [line.number, line.text])).toEqual([[42, 'a'], [43, 'b'], [44, 'c']]);
      expect(told.events).toEqual(['step.finished']);
      expect(place).toEqual({ position: '0-1-10', last: 44 });
    }),
  );
});

it('counts lines that were cleared, and says when what follows does not join', () => {
  const told = heard();
  const place: Place = { position: null, last: 0 };
  take({ event: 'gap', id: '0-1-3', data: '{"reason":"logsCleared","lines":7}' }, place, told.of);
  expect(place.last).toBe(7);
  take({ event: 'gap', id: null, data: '{"reason":"placeLost"}' }, place, told.of);
  expect(told.broken).toBe(1);
  take({ event: 'step.log', id: '0-1-4', data: 'not json' }, place, told.of);
  expect(told.lines).toEqual([]);
});

it('a stream that is cut in a line goes on after the last whole event, without a repeat', async () => {
  const asked: string[] = [];
  const bodies = [batch(1, 'a', 'b') + batch(2, 'c').slice(0, 40), batch(2, 'c') + 'event: end\ndata: {"status":"succeeded"}\n\n'];
  const way: Way = {
    root: new URL('http://x/v1/monitor/'),
    fetch: (address) => {
      asked.push(new URL(String(address)).searchParams.get('after') ?? '');
      return Promise.resolve(new Response(bodies.shift() ?? ''));
    },
    credential: () => null,
    refused: () => Promise.resolve(false),
  };
  const told = heard();
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }); // it waits before it tries again
  let over = '';
  void followRun(way, 'r', { position: null, last: 0 }, { ...told.of, standing: () => undefined }, new AbortController().signal).then(
    (how) => (over = how),
  );
  while (over === '') {
    await vi.advanceTimersByTimeAsync(1000);
    await new Promise(setImmediate);
  }
  vi.useRealTimers();
  expect(over).toBe('ended');
  expect(asked).toEqual(['0', '0-1-1']);
  expect(told.lines.map((line) => line.text)).toEqual(['a', 'b', 'c']);
  expect(told.events).toEqual(['end']);
});
