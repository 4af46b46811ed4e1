// Mutes of a job: which there are, for how long one is offered, and what the API is told of it.

import { command } from '../../lib/commands';
import type { Command } from '../../lib/commands';
import { ask, segment } from '../../lib/http';
import type { Answer, Way } from '../../lib/http';
import type { Mute, Page } from '../../lib/types';
import { offsetAt, startOfDay, wallOf } from '../../lib/zone';

/** Those that are in force and concern the job. */
export const mutesOf = (way: Way, jobId: string, signal?: AbortSignal): Promise<Answer<Page<Mute>>> =>
  ask(way, 'notices/mutes', { query: { jobId, limit: 20 }, signal });

export const mute = (way: Way, body: Record<string, unknown>): Command<Mute> => command<Mute>(way, 'notices/mutes', { body });

export const unmute = (way: Way, id: string, reason: string | null): Command<unknown> =>
  command<unknown>(way, `notices/mutes/${segment(id)}`, { method: 'DELETE', query: { reason } });

export type Span = 'hour' | 'morning' | 'week';

export const SPANS: readonly { readonly key: Span; readonly text: string }[] = [
  { key: 'hour', text: '1 hour' },
  { key: 'morning', text: 'Until tomorrow 08:00' },
  { key: 'week', text: '7 days' },
];

const MORNING = 8;

/** `for` or `until` of the body. */
export function lasting(span: Span, now: number, zone: string): Readonly<Record<string, number | string>> {
  if (span === 'morning') return { until: new Date(tomorrow(now, zone)).toISOString() };
  return { for: span === 'hour' ? 3600 : 7 * 86_400 };
}

/** 08:00 of the next day in a zone, also where its clock is changed in the night. */
export function tomorrow(now: number, zone: string): number {
  const { year, month, day } = wallOf(now, zone);
  const about = startOfDay(year, month, day + 1, zone) + MORNING * 3_600_000;
  return Date.UTC(year, month - 1, day + 1, MORNING) - offsetAt(about, zone) * 60_000;
}
