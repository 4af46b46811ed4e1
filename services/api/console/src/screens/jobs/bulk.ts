// Commands for many jobs: what will happen to each, then one request each, eight at a time, and what was changed, so that
// exactly that can be undone. The console has no command by filter: a filter that was lost would mean all jobs.

import { api } from '../../lib/api';
import { command } from '../../lib/commands';
import type { Command, Sending, Wait } from '../../lib/commands';
import { segment } from '../../lib/http';
import type { Way } from '../../lib/http';
import type { JobRow } from '../../lib/jobs';
import { isUnknown } from '../../lib/problem';
import type { Problem } from '../../lib/problem';
import type { Job } from '../../lib/types';

export const ACTIONS = ['disable', 'enable', 'run'] as const;
export type Action = (typeof ACTIONS)[number];

/** What a command needs to know of a job. A version: what was seen; another one is refused. */
export interface Target {
  readonly id: string;
  readonly group: string;
  readonly name: string;
  readonly version: number;
}

export const LANES = 8;

/** Whether a command changes a job: one that is disabled is not disabled again. */
export const changes = (action: Action, row: JobRow): boolean => action === 'run' || row.enabled === (action === 'disable');

export type Became =
  | { readonly state: 'waiting' }
  | { readonly state: 'sent'; readonly wait: Wait | null } // a wait: for a busy API
  | { readonly state: 'done'; readonly version: number; readonly runId: string | null }
  | { readonly state: 'same' } // it was so already
  | { readonly state: 'refused'; readonly problem: Problem };

/** One job's part of the command. It can be sent again after a problem; what was done is then not done twice. */
export interface Part {
  readonly target: Target;
  send(sending: Sending): Promise<Became>;
}

export function partOf(way: Way, action: Action, target: Target, reason: string | null): Part {
  return action === 'run' ? runPart(way, target, reason) : statusPart(way, action, target, reason);
}

function runPart(way: Way, target: Target, reason: string | null): Part {
  const body = reason === null ? {} : { body: { reason } };
  const asked: Command<{ runId: string }> = command(way, `jobs/${segment(target.id)}/trigger`, body);
  return {
    target,
    async send(sending) {
      const answer = await asked.send(sending);
      if (!answer.ok) return { state: 'refused', problem: answer.problem };
      return { state: 'done', version: target.version, runId: answer.data.runId };
    },
  };
}

function statusPart(way: Way, action: 'disable' | 'enable', target: Target, reason: string | null): Part {
  const status = action === 'disable' ? '1' : '0';
  const asked: Command<Job> = command(way, `jobs/${segment(target.id)}/status`, {
    method: 'PUT',
    body: reason === null ? { status } : { status, reason },
    ifMatch: target.version,
  });
  let lost = false; // an answer was: it may have been done
  return {
    target,
    async send(sending) {
      const answer = await asked.send({
        ...sending,
        waits: (wait) => {
          if (wait !== null && isUnknown(wait.problem)) lost = true;
          sending.waits?.(wait);
        },
      });
      if (answer.ok) {
        const { version } = answer.data;
        return version === target.version ? { state: 'same' } : { state: 'done', version, runId: null };
      }
      if (isUnknown(answer.problem)) lost = true;
      else if (answer.problem.kind === 'stale' && lost) {
        // The next version with what was asked for is what the lost request made.
        const now = await api.job(way, target.id, sending.signal);
        if (now.ok && now.data.version === target.version + 1 && now.data.status === status) {
          return { state: 'done', version: now.data.version, runId: null };
        }
      }
      return { state: 'refused', problem: answer.problem };
    },
  };
}

/**
 * Send parts, at most `lanes` at a time, each told of when it is sent, waits and has ended. After `signal` no further one
 * is sent. Those under way end, for else it would not be known whether they were done; what waits is not sent again.
 */
export async function carryOut(
  parts: readonly Part[],
  told: (n: number, became: Became) => void,
  signal: AbortSignal,
  lanes = LANES,
): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < parts.length && !signal.aborted) {
      const n = next;
      next += 1;
      const part = parts[n];
      if (part === undefined) return;
      told(n, { state: 'sent', wait: null });
      told(n, await part.send({ enough: signal, waits: (wait) => told(n, { state: 'sent', wait }) }));
    }
  };
  await Promise.all(Array.from({ length: Math.min(lanes, parts.length) }, lane));
}

/** What undo restores: the jobs that a command changed, as it left them. */
export interface Undoable {
  readonly action: 'disable' | 'enable';
  readonly at: number; // by the server's clock
  readonly targets: readonly Target[];
}

export const opposite = (action: 'disable' | 'enable'): 'disable' | 'enable' => (action === 'disable' ? 'enable' : 'disable');

/** Read what was kept; null if it is nothing of ours. */
export function readUndoable(text: string | null): Undoable | null {
  if (text === null) return null;
  try {
    const value = JSON.parse(text) as Partial<Undoable> | null;
    const good =
      (value?.action === 'disable' || value?.action === 'enable') &&
      typeof value.at === 'number' &&
      Array.isArray(value.targets) &&
      value.targets.every((one: Partial<Target>) => typeof one.id === 'string' && typeof one.version === 'number');
    return good ? (value as Undoable) : null;
  } catch {
    return null;
  }
}

/** Whether a list of jobs is still what was chosen: as many, and the same ones. */
export function isSame(chosen: readonly { readonly id: string }[], now: readonly { readonly id: string }[]): boolean {
  if (chosen.length !== now.length) return false;
  const ids = new Set(chosen.map((one) => one.id));
  return now.every((one) => ids.has(one.id));
}
