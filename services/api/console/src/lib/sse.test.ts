import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Frames, follow } from './sse';
import type { Message, Standing } from './sse';

const TEXT =
  '\uFEFF: hello\n\nevent: pulse\r\nid: 4\r\ndata: {"a":"ü – 水"}\r\n\r\ndata: one\rdata:two\r\r' +
  'id\nretry: 5\nevent: end\ndata\n\nevent: none\n\ndata: cut';
const MESSAGES: Message[] = [
  { event: 'pulse', data: '{"a":"ü – 水"}', id: '4' },
  { event: 'message', data: 'one\ntwo', id: '4' },
  { event: 'end', data: '', id: null },
];

describe('frames', () => {
  it('are the same wherever the bytes are cut', () => {
    const bytes = new TextEncoder().encode(TEXT);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: bytes.length })), (cuts) => {
        const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
        const frames = new Frames();
        const places = [0, ...cuts.sort((a, b) => a - b), bytes.length];
        const got = places.flatMap((from, n) =>
          frames.push(decoder.decode(bytes.slice(from, places[n + 1] ?? bytes.length), { stream: true })),
        );
        expect(got).toEqual(MESSAGES);
      }),
    );
  });

  it('start with the id that the stream is resumed from', () => {
    expect(new Frames('9').push('data: x\n\n')).toEqual([{ event: 'message', data: 'x', id: '9' }]);
  });
});

function answered(body: string, status = 200, headers: Record<string, string> = {}): Response {
  return new Response(body, { status, headers });
}

async function followed(answers: (Response | Error)[], last = 'end') {
  const asked: (string | null)[] = [];
  const messages: Message[] = [];
  const standings: Standing[] = [];
  const waits: number[] = [];
  const controller = new AbortController();
  await follow(
    {
      open: async (lastId) => {
        asked.push(lastId);
        const next = answers.shift();
        if (next === undefined) {
          controller.abort();
          throw new Error('no more answers');
        }
        if (next instanceof Error) throw next;
        return next;
      },
      message: (message) => messages.push(message),
      standing: (standing) => standings.push(standing),
      isLast: (message) => message.event === last,
      wait: async (ms) => void waits.push(ms),
      now: () => 1000,
      chance: () => 1,
    },
    controller.signal,
  );
  return { asked, messages, standings, waits };
}

describe('a stream', () => {
  it('is resumed from the last id, and ends where the server says so', async () => {
    const { asked, messages, standings, waits } = await followed([
      answered('id: 1\ndata: a\n\nid: 2\ndata: b\n\ndata: cu'),
      new Error('cut'),
      answered('id: 3\ndata: c\n\nevent: end\ndata: {}\n\n'),
    ]);
    expect(asked).toEqual([null, '2', '2']);
    expect(messages.map((message) => message.data)).toEqual(['a', 'b', 'c', '{}']);
    expect(waits).toEqual([1000, 2000]);
    expect(standings.map((standing) => standing.state)).toEqual(['connecting', 'live', 'lost', 'lost', 'live', 'ended']);
    expect(standings[4]).toEqual({ state: 'live', resumed: true });
  });

  it('waits as long as the server asks for', async () => {
    const { waits } = await followed([answered('{"title":"Busy"}', 503, { 'retry-after': '7' })]);
    expect(waits).toEqual([7000]);
  });

  it('is not asked for again where it cannot be had', async () => {
    const body = JSON.stringify({ title: 'Forbidden', detail: 'needs query' });
    const { asked, standings } = await followed([answered(body, 403)]);
    expect(asked).toHaveLength(1);
    expect(standings.at(-1)).toMatchObject({ state: 'ended', problem: { kind: 'forbidden', detail: 'needs query' } });
  });

  it('backs off to fifteen seconds', async () => {
    const { waits } = await followed(Array.from({ length: 7 }, () => new Error('away')));
    expect(waits).toEqual([1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
  });

  it('that is silent counts as dead', async () => {
    const controller = new AbortController();
    const silent = new Response(new ReadableStream({ start: () => undefined }));
    const standings: Standing[] = [];
    await follow(
      {
        open: async () => silent,
        message: () => undefined,
        standing: (standing) => standings.push(standing),
        silence: 5,
        wait: async () => controller.abort(),
      },
      controller.signal,
    );
    expect(standings.at(-1)?.state).toBe('lost');
  });
});
