// What the API answers, as far as the console uses it. Times are RFC 3339 in UTC; lengths are milliseconds where the name
// ends in `Ms`, else seconds. A member that the API leaves unknown is null, never absent, but where `?` says so.

export interface Me {
  readonly name: string | null;
  readonly kind: 'anybody' | 'key' | 'token';
  readonly scopes: readonly string[];
  readonly expiresAt: string | null;
  readonly asked: boolean;
  readonly now: string;
  readonly version: string;
  readonly keptFrom: string | null;
  readonly defaultTimezone: string | null;
  readonly limits: { readonly requestsPerSecond: number | null; readonly bodyBytes: number; readonly streams: number };
}

export type RunStatus =
  | 'delayed'
  | 'queued'
  | 'waiting'
  | 'running'
  | 'succeeded'
  | 'failed'
  | 'timedOut'
  | 'died'
  | 'cancelled';

export type Trigger = 'schedule' | 'catchup' | 'manual' | 'backfill' | 'retry';

export interface RetryPolicy {
  readonly maxAttempts: number;
  readonly backoff: string;
  readonly initial: number;
  readonly max: number;
}

/** What the owner of a job expects of it, in seconds; only what is promised is there. */
export interface JobPromise {
  readonly startWithin?: number | null;
  readonly finishWithin?: number | null;
  readonly finishBy?: string | null;
  readonly runsAtMost?: number | null;
  readonly successWithin?: number | null;
  readonly disableAfter?: number | null;
}

/** A promise of a job that is broken now. */
export interface OpenBreak {
  readonly kind: string;
  readonly since: string;
  readonly count: number;
  readonly runId: string | null;
}

/** How the promise of a job is kept; `unjudged`: no notifier has judged it. */
export interface PromiseStanding {
  readonly state: 'broken' | 'open' | 'kept' | 'unjudged';
  readonly broken: readonly OpenBreak[];
  readonly nextDueAt: string | null;
}

/** Notices that are not sent for a while. Of the first four one says whose. */
export interface Mute {
  readonly id: string;
  readonly jobId: string | null;
  readonly group: string | null;
  readonly label: string | null;
  readonly all: boolean;
  readonly endsAt: string;
  readonly actor: string | null;
  readonly reason: string;
}

/** An executor that no live worker of the run's queue has, and since when. */
export interface WaitsFor {
  readonly executor: string;
  readonly since: string;
}

export interface LastRun {
  readonly id: string;
  readonly status: RunStatus;
  readonly trigger: Trigger;
  readonly nominalAt: string | null;
  readonly requestedAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly durationMs: number | null;
  readonly waitsFor: WaitsFor | null;
}

export interface Job {
  readonly id: string;
  readonly jobName: string;
  readonly jobGroup: string;
  readonly invokeTarget: string;
  readonly invokeParams: Readonly<Record<string, unknown>>;
  readonly cronExpression: string | null;
  readonly status: '0' | '1'; // '1': disabled
  readonly misfirePolicy: string;
  readonly concurrent: string;
  readonly remark: string | null;
  readonly queue: string;
  readonly timezone: string;
  readonly overlapPolicy: string | null;
  readonly misfireThreshold: number;
  readonly catchupWindow: number;
  readonly catchupLimit: number;
  readonly catchupPace: number;
  readonly jitter: number;
  readonly startAt: string | null;
  readonly endAt: string | null;
  readonly timeout: number | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly promise?: JobPromise | null; // absent: an API of an earlier release
  readonly promiseStanding?: PromiseStanding | null; // as `promise`; null in lists, too
  readonly version: number;
  readonly nextFireAt: string | null;
  readonly isRunning: boolean | null; // null: the read models are behind
  readonly lastRun: LastRun | null;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly notes: readonly unknown[];
  readonly inForce: { readonly timeout: number | null; readonly retry: RetryPolicy } | null;
  readonly lastSuccessAt: string | null;
}

export interface RunError {
  readonly type?: string | null;
  readonly message?: string | null;
  readonly traceback?: string | null;
}

export interface BriefRun {
  readonly id: string;
  readonly jobId: string | null;
  readonly jobName: string | null;
  readonly jobGroup: string | null;
  readonly invokeTarget: string;
  readonly queue: string;
  readonly trigger: Trigger;
  readonly status: RunStatus;
  readonly nominalAt: string | null;
  readonly requestedAt: string;
  readonly readyAt: string | null;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly durationMs: number | null;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly worker: string | null;
  readonly errorLine: string | null;
  readonly waitingOn: string | null;
  readonly waitsFor: WaitsFor | null;
  readonly cancelRequestedAt: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly retryOf: string | null;
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}

export interface Detail {
  readonly job: Job;
  readonly nextFires: readonly string[];
}

export interface Explained {
  readonly instant: string;
  readonly fate: string;
  readonly reason: string | null;
  readonly runId: string | null;
  readonly policy: string | null;
  readonly position: string | null;
  readonly text: string;
  readonly before: string | null;
  readonly after: string | null;
  readonly backfills: readonly unknown[];
}

/** Run-length list of bins: how many in a row, and what they hold. */
export type Cells = readonly (readonly [number, Counts | null])[];
export type Counts = Readonly<Record<string, number>>;

export interface Strip {
  readonly jobId: string;
  readonly coarser: boolean;
  readonly cells: Cells;
}

export interface Strips {
  readonly from: string;
  readonly to: string;
  readonly edges: readonly string[] | null;
  readonly items: readonly Strip[];
}

export interface Columns {
  readonly id: readonly string[];
  readonly group: readonly string[];
  readonly name: readonly string[];
  readonly status: readonly ('0' | '1')[];
  readonly cronExpression: readonly (string | null)[];
  readonly timezone: readonly string[];
  readonly words: readonly (string | null)[];
  readonly queue: readonly string[];
  readonly invokeTarget: readonly string[];
  readonly labels: readonly Readonly<Record<string, string>>[];
  readonly version: readonly number[];
  readonly updatedAt: readonly (string | null)[];
  readonly nextFireAt: readonly (string | null)[];
  readonly lastRunId: readonly (string | null)[];
  readonly lastStatus: readonly (RunStatus | null)[];
  readonly lastNominalAt: readonly (string | null)[];
  readonly lastStartedAt: readonly (string | null)[];
  readonly lastFinishedAt: readonly (string | null)[];
  readonly lastDurationMs: readonly (number | null)[];
  readonly streak: readonly number[];
  readonly streakSince: readonly (string | null)[];
  readonly lastError: readonly (string | null)[];
  readonly medianMs: readonly (number | null)[];
  readonly pendingSince: readonly (string | null)[];
  readonly isRunning: readonly boolean[];
  readonly brokenSince?: readonly (string | null)[]; // absent: an API of an earlier release
}

export interface JobsIndex {
  readonly at: string;
  readonly count: number;
  readonly columns: Columns;
}

/** What the absence of a store leaves unknown is null, here and in the pulse. */
export interface QueuePulse {
  readonly name: string;
  readonly paused: boolean | null;
  readonly waiting: number | null;
  readonly delayed: number | null;
  readonly blocked: number | null;
  readonly running: number | null;
}

export interface Pulse {
  readonly at: string;
  readonly decidedThrough: string | null;
  /** 0: at most two seconds, and nobody can tell less. */
  readonly lagMs: number | null;
  readonly oldestPending: string | null;
  /** Whether every partition has a scheduler that leads it; false: nobody decides. */
  readonly led: boolean | null;
  readonly queues: readonly QueuePulse[];
  readonly workers: { readonly live: number | null; readonly silent: number | null; readonly lost: number | null };
  readonly memory: { readonly used: number; readonly max: number | null } | null;
  readonly jobs: readonly string[];
  readonly runs: readonly string[];
  readonly many: boolean;
  readonly ended: Readonly<Record<string, number>>;
  readonly projectionLagMs: number | null;
}

export interface QueueState {
  readonly name: string;
  readonly paused: boolean;
  readonly waiting: number;
  readonly delayed: number;
  readonly blocked: number;
  readonly running: number;
  readonly oldestWaitMs: number | null;
  readonly startedPerMinute: number | null;
}

export interface WorkerState {
  readonly id: string;
  readonly name: string;
  readonly queues: readonly string[];
  readonly running: number;
  readonly executors: readonly string[];
  readonly lastReadAt: string | null;
  readonly leftAt: string | null;
  readonly status: 'live' | 'silent' | 'gone' | 'left' | 'lost';
  readonly takesAny: boolean | null;
}

export interface ExecutorState {
  readonly key: string;
  readonly aliases: readonly string[];
}

export interface Fire {
  readonly at: string;
  readonly jobId: string;
  readonly jobName: string;
  readonly jobGroup: string;
  readonly queue: string;
  readonly note: string | null;
}

export interface Fires {
  readonly from: string;
  readonly to: string;
  readonly total: number;
  readonly items: readonly Fire[];
  readonly counts: readonly number[] | null;
}

/** Of `/readyz`: each check by its name, and what it found; `ok` is well. */
export interface Condition {
  readonly status: string;
  readonly checks: Readonly<Record<string, string>>;
}

/** A part of a job's time whose instants and outcomes do not match: after one moment, through another. */
export interface Breach {
  readonly jobId: string;
  readonly after: string;
  readonly through: string;
  readonly instants: number;
  readonly text: string;
}

export interface Verified {
  readonly from: string;
  readonly to: string;
  readonly jobs: number;
  readonly instants: number;
  readonly fired: number;
  readonly skipped: number;
  readonly coalesced: number;
  readonly pending: number;
  readonly oldestPending: string | null;
  readonly holes: readonly Breach[];
  readonly doubles: readonly Breach[];
  readonly strays: readonly Breach[];
  readonly tzdataChanged: readonly unknown[];
  readonly failedRuns: number;
  readonly forgottenBefore: string | null;
  readonly ok: boolean;
}

export interface Preview {
  readonly words: string;
  readonly timezone: string;
  readonly items: readonly { readonly at: string; readonly local: string; readonly note: string | null }[];
  readonly notes: readonly unknown[];
}

export interface Backfill {
  readonly dryRun: boolean;
  readonly from: string;
  readonly to: string;
  readonly instants: number;
  readonly runs: number;
  readonly left: number;
  readonly nextFrom: string | null;
  readonly pending: number;
  readonly notes: readonly string[];
  readonly items: readonly {
    readonly instant: string;
    readonly runId: string | null;
    readonly readyAt: string | null;
    readonly state: string | null;
    readonly fate: string | null;
  }[];
}

/** An event of a job or a run, as histories list it; what else it has depends on its type. */
export interface HistoryEvent {
  readonly id: string;
  readonly at: string;
  readonly type: string;
  readonly actor?: string | null;
  readonly reason?: string | null;
  readonly runId?: string;
  readonly [member: string]: unknown;
}

export interface LogLine {
  readonly number?: number | null;
  readonly position: string;
  readonly at: string;
  readonly attempt: number;
  readonly step: number | null;
  readonly level: string;
  readonly text: string;
}
