// Why a run waits: the first reason that holds, from what its run, its queue and the workers say. Pure.

import type { Queue, Run, Worker } from './types';

export type Wait =
  | { readonly why: 'time'; readonly at: string | null; readonly attempt: number } // attempt > 0: to be tried again
  | { readonly why: 'behind'; readonly run: string | null }
  | { readonly why: 'paused'; readonly queue: string }
  | { readonly why: 'executor'; readonly executor: string; readonly queue: string; readonly since: string | null }
  | { readonly why: 'noWorker'; readonly queue: string }
  | { readonly why: 'busy'; readonly slots: number; readonly workers: number; readonly ahead: number }
  | { readonly why: 'soon' }
  | { readonly why: 'unknown' }; // the queue or the workers are not known (yet)

type Waiting = Pick<Run, 'status' | 'queue' | 'readyAt' | 'attempt' | 'waitingOn' | 'waitsFor' | 'invokeTarget'>;

/** Null: it does not wait. */
export function whyItWaits(run: Waiting, queues: readonly Queue[] | null, workers: readonly Worker[] | null): Wait | null {
  if (run.status === 'delayed') return { why: 'time', at: run.readyAt, attempt: run.attempt };
  if (run.status === 'waiting') return { why: 'behind', run: run.waitingOn };
  if (run.status !== 'queued') return null;
  const queue = queues?.find((one) => one.name === run.queue);
  if (queue?.paused === true) return { why: 'paused', queue: run.queue };
  if (run.waitsFor !== null) {
    const { executor, since } = run.waitsFor;
    return { why: 'executor', executor, queue: run.queue, since };
  }
  if (workers === null) return { why: 'unknown' };
  const serving = workers.filter((one) => one.status === 'live' && one.queues.includes(run.queue));
  if (serving.length === 0) return { why: 'noWorker', queue: run.queue };
  const slots = serving.reduce((sum, one) => sum + one.slots, 0);
  const busy = serving.reduce((sum, one) => sum + Math.min(one.slots, one.running), 0);
  if (busy < slots) return { why: 'soon' };
  return { why: 'busy', slots, workers: serving.length, ahead: Math.max(0, (queue?.waiting ?? 1) - 1) };
}
