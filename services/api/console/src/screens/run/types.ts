// What the API answers about one run, as far as this screen uses it.

import type { BriefRun, RunError } from '../../lib/types';

export type Level = 'debug' | 'info' | 'warning' | 'error';
export const LEVELS: readonly Level[] = ['debug', 'info', 'warning', 'error'];

export type AttemptOutcome =
  | 'succeeded'
  | 'failed'
  | 'timedOut'
  | 'crashed'
  | 'badParams'
  | 'cancelled'
  | 'lost'
  | 'returned';

export interface Attempt {
  readonly number: number;
  readonly worker: string;
  readonly startedAt: string;
  readonly finishedAt: string | null;
  readonly outcome: AttemptOutcome | null;
  readonly error: RunError | null;
}

export interface Step {
  readonly number: number;
  readonly attempt: number;
  readonly name: string;
  readonly status: 'running' | 'succeeded' | 'failed' | 'cancelled';
  readonly startedAt: string;
  readonly finishedAt: string | null;
  readonly progress: { readonly done: number; readonly total: number | null } | null;
  readonly error: RunError | null;
}

/** What a list says of a run, and what may be large. */
export interface Run extends Omit<BriefRun, 'errorLine'> {
  readonly params: Readonly<Record<string, unknown>>;
  readonly result: unknown;
  readonly error: RunError | null;
  readonly cancelReason: 'requested' | 'replaced' | 'jobDisabled' | 'jobDeleted' | null;
  readonly unreadable: { readonly position: string; readonly reason: string } | null;
  readonly reason: string | null;
  readonly folded: number;
  readonly foldedFirst: string | null;
  readonly traceId: string | null;
  readonly attempts: readonly Attempt[];
  readonly steps: readonly Step[];
}

/** A stored event of the run; members by its type. */
export interface Told {
  readonly id: string;
  readonly at: string;
  readonly type: string;
  readonly actor?: string | null;
  readonly cause?: string | null;
  readonly version?: number | null;
  readonly policy?: string | null;
  readonly waitingOn?: string | null;
  readonly readyAt?: string | null;
}

export interface LogLine {
  readonly position: string;
  readonly at: string;
  readonly attempt: number;
  readonly step: number | null;
  readonly level: Level;
  readonly text: string;
  readonly number: number | null;
}

export interface Lines {
  readonly items: readonly LogLine[];
  readonly nextCursor: string | null;
  readonly previousCursor: string | null;
}

export interface Gap {
  readonly after: number;
  readonly lines: number;
  readonly reason: 'cleared' | 'limit' | 'speed';
}

export interface Outline {
  readonly lines: number;
  readonly levels: Readonly<Partial<Record<Level, number>>>;
  readonly attempts: readonly { readonly attempt: number; readonly lines: number; readonly first: number; readonly last: number }[];
  readonly steps: readonly {
    readonly attempt: number;
    readonly step: number | null;
    readonly lines: number;
    readonly first: number;
    readonly last: number;
  }[];
  readonly errors: readonly number[];
  readonly gaps: readonly Gap[];
  readonly complete: boolean;
}

export interface Queue {
  readonly name: string;
  readonly paused: boolean;
  readonly waiting: number;
  readonly delayed: number;
  readonly blocked: number;
  readonly running: number;
  readonly oldestWaitMs: number | null;
  readonly startedPerMinute: number;
}

export interface Worker {
  readonly id: string;
  readonly name: string;
  readonly queues: readonly string[];
  readonly slots: number;
  readonly running: number;
  readonly executors: readonly string[];
  readonly status: 'live' | 'silent' | 'gone' | 'left' | 'lost';
  readonly takesAny: boolean | null;
}
