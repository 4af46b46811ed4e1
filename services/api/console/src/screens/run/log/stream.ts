// The stream of a run: its lines numbered as they come, and word of what else happened.
//
// The archive says where the log ends (a position and a number); what the stream brings after that position has the next
// numbers, in order. A stream that is cut goes on after the last event that was whole, so no line comes twice.

import { addressOf, segment } from '../../../lib/http';
import type { Way } from '../../../lib/http';
import { isFull } from '../../../lib/problem';
import { follow } from '../../../lib/sse';
import type { Message, Standing } from '../../../lib/sse';
import type { Level } from '../types';
import type { Line } from './book';

/** Where a stream goes on: after this event, with this number as the last. */
export interface Place {
  position: string | null; // null: from the run's first event
  last: number;
}

export interface StreamHeard {
  lines(lines: readonly Line[]): void;
  /** Something else of the run happened: it started, a step ended, … */
  event(type: string): void;
  /** What was known does not join what follows: read anew. */
  broken(): void;
  standing(standing: Standing): void;
}

interface LogEvent {
  readonly attempt?: number;
  readonly number?: number | null; // of the step
  readonly lines?: readonly { readonly at: string; readonly level: string; readonly text: string }[];
  readonly linesCount?: number;
  readonly reason?: string;
}

/** Take a message in; moves `place`. */
export function take(message: Message, place: Place, heard: Omit<StreamHeard, 'standing'>): void {
  let event: LogEvent;
  try {
    event = JSON.parse(message.data) as LogEvent;
  } catch {
    return; // not ours; the stream goes on
  }
  if (message.id !== null) place.position = message.id;
  if (message.event === 'gap') {
    if (event.reason === 'logsCleared') place.last += Number((event as { lines?: unknown }).lines) || 0;
    else heard.broken();
    return;
  }
  if (message.event !== 'step.log') return heard.event(message.event);
  const lines = (event.lines ?? []).map(({ at, level, text }, n) => ({
    number: place.last + n + 1,
    at: Date.parse(at),
    attempt: event.attempt ?? 0,
    step: event.number ?? null,
    level: level as Level,
    text,
  }));
  if (lines.length === 0) return;
  place.last += lines.length;
  heard.lines(lines);
}

/** Follow the stream until its end, or `signal`. */
export async function followRun(
  way: Way,
  id: string,
  place: Place,
  heard: StreamHeard,
  signal: AbortSignal,
): Promise<'ended' | 'refused'> {
  let used: string | null = null;
  let over: 'ended' | 'refused' = 'refused';
  await follow(
    {
      lastId: place.position,
      open: (lastId, attempt) => {
        used = way.credential();
        const headers: Record<string, string> = { Accept: 'text/event-stream' };
        if (used !== null) headers['Authorization'] = `Bearer ${used}`;
        return way.fetch(addressOf(way.root, `runs/${segment(id)}/logs/stream`, { after: lastId ?? '0' }), {
          headers,
          signal: attempt,
          cache: 'no-store',
          credentials: 'same-origin',
        });
      },
      refused: () => way.refused(used),
      endsBy: isFull,
      isLast: (message) => message.event === 'end' || message.event === 'closed',
      message: (message) => {
        if (message.event === 'end') over = 'ended';
        if (message.event !== 'closed') take(message, place, heard);
      },
      standing: heard.standing,
    },
    signal,
  );
  return over;
}
