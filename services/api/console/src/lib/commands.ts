// Commands: what changes something. Each is sent once, whatever happens on the way.
//
// A POST carries an Idempotency-Key that is made when the command is prepared: it is the same for each try, so a command
// whose answer was lost is not done twice. A reason is remembered for the sitting, in memory.

import { ask, freshKey, segment } from './http';
import type { Answer, Way } from './http';
import type { Problem } from './problem';
import { pause } from './sse';
import type { Backfill } from './types';

export interface Command<T> {
  /** Send it, or send it again. A busy API is waited for, at most PATIENCE ms. */
  send(sending?: Sending): Promise<Done<T>>;
}

/** The API is busy: the command is sent again at a moment, by the browser's clock. */
export interface Wait {
  readonly problem: Problem;
  readonly again: number;
}

export interface Sending {
  /** Cuts the request that is under way. */
  readonly signal?: AbortSignal;
  /** Ends a wait, and cuts nothing. */
  readonly enough?: AbortSignal;
  /** Told of each wait, and null when it is over. */
  readonly waits?: (wait: Wait | null) => void;
}

export type Done<T> = Answer<T> & { readonly stored?: boolean };

const PATIENCE = 30_000;

export interface Sent {
  readonly method?: 'POST' | 'PUT' | 'DELETE';
  readonly body?: unknown;
  readonly query?: Record<string, string | boolean | null | undefined>;
  readonly ifMatch?: number | string | undefined;
}

export function command<T>(way: Way, path: string, sent: Sent = {}): Command<T> {
  const method = sent.method ?? 'POST';
  const headers: Record<string, string> = method === 'POST' ? { 'Idempotency-Key': freshKey() } : {};
  if (sent.ifMatch !== undefined) headers['If-Match'] = `"${sent.ifMatch}"`;
  return {
    async send({ signal, enough, waits }: Sending = {}) {
      const over = AbortSignal.any([signal, enough].filter((one) => one !== undefined));
      let left = PATIENCE;
      for (;;) {
        const answer = await ask<T>(way, path, {
          method,
          headers,
          ...(sent.body === undefined ? {} : { body: sent.body }),
          ...(sent.query === undefined ? {} : { query: sent.query }),
          signal,
        });
        if (answer.ok) return { ...answer, stored: answer.status === 202 };
        const wait = answer.problem.kind === 'busy' ? (answer.problem.retryAfter ?? 1000) : Infinity;
        if (wait > left || over.aborted) return answer;
        left -= wait;
        waits?.({ problem: answer.problem, again: Date.now() + wait });
        await pause(wait, over);
        waits?.(null);
        if (over.aborted) return answer;
      }
    },
  };
}

/** The paths and bodies of the commands that more than one screen has. */
export const commands = {
  setStatus: (way: Way, id: string, status: '0' | '1', reason: string | null) =>
    command<unknown>(way, `jobs/${segment(id)}/status`, {
      method: 'PUT',
      body: reason === null ? { status } : { status, reason },
    }),
  trigger: (way: Way, id: string, body?: Record<string, unknown>) =>
    command<{ runId: string }>(way, `jobs/${segment(id)}/trigger`, body === undefined ? {} : { body }),
  backfill: (way: Way, id: string, body: Record<string, unknown>) =>
    command<Backfill>(way, `jobs/${segment(id)}/backfill`, { body }),
  cancel: (way: Way, id: string, body?: Record<string, unknown>) =>
    command<unknown>(way, `runs/${segment(id)}/cancel`, body === undefined ? {} : { body }),
  retry: (way: Way, id: string, body?: Record<string, unknown>) =>
    command<{ runId: string }>(way, `runs/${segment(id)}/retry`, body === undefined ? {} : { body }),
  resumeQueue: (way: Way, name: string, reason: string | null) =>
    command<unknown>(way, `queues/${segment(name)}/resume`, reason === null ? {} : { body: { reason } }),
};

let remembered = '';

/** The reason given last in this sitting, to be offered again. */
export const reasons = {
  get last(): string {
    return remembered;
  },
  remember(reason: string): void {
    remembered = reason;
  },
};
