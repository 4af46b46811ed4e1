// The routes of the API that the console uses: one function each, nothing decided here.

import { ask, segment } from './http';
import type { Answer, Query, Way } from './http';
import type {
  BriefRun,
  Condition,
  Detail,
  ExecutorState,
  Explained,
  Fires,
  HistoryEvent,
  Job,
  JobsIndex,
  LogLine,
  Page,
  Preview,
  QueueState,
  Strips,
  Verified,
  WorkerState,
} from './types';

type Signal = AbortSignal | undefined;

export const api = {
  jobsIndex: (way: Way, signal?: Signal): Promise<Answer<JobsIndex>> => ask(way, 'jobs-index', { signal }),

  jobs: (way: Way, query: Query, signal?: Signal): Promise<Answer<Page<Job>>> => ask(way, 'jobs', { query, signal }),

  job: (way: Way, id: string, signal?: Signal): Promise<Answer<Job>> => ask(way, `jobs/${segment(id)}`, { signal }),

  detail: (way: Way, id: string, signal?: Signal): Promise<Answer<Detail>> =>
    ask(way, `jobs/${segment(id)}/detail`, { signal }),

  explain: (way: Way, id: string, query: Query, signal?: Signal): Promise<Answer<Page<Explained>>> =>
    ask(way, `jobs/${segment(id)}/explain`, { query, signal }),

  runs: (way: Way, query: Query, signal?: Signal): Promise<Answer<Page<BriefRun>>> =>
    ask(way, 'runs', { query: { ...query, view: 'brief' }, signal }),

  strips: (way: Way, query: Query, signal?: Signal): Promise<Answer<Strips>> =>
    ask(way, 'ledger/strips', { query, signal }),

  verify: (way: Way, query: Query, signal?: Signal): Promise<Answer<Verified>> =>
    ask(way, 'ledger/verify', { query, signal, timeout: 120_000 }),

  history: (way: Way, id: string, query: Query, signal?: Signal): Promise<Answer<Page<HistoryEvent>>> =>
    ask(way, `jobs/${segment(id)}/history`, { query, signal }),

  preview: (way: Way, body: unknown, signal?: Signal): Promise<Answer<Preview>> =>
    ask(way, 'schedules/preview', { method: 'POST', body, signal }),

  run: (way: Way, id: string, signal?: Signal): Promise<Answer<Omit<BriefRun, 'errorLine'>>> => ask(way, `runs/${segment(id)}`, { signal }),

  logs: (way: Way, id: string, query: Query, signal?: Signal): Promise<Answer<Page<LogLine>>> =>
    ask(way, `runs/${segment(id)}/logs`, { query, signal }),

  fires: (way: Way, query: Query, signal?: Signal): Promise<Answer<Fires>> => ask(way, 'fires', { query, signal }),

  queues: (way: Way, signal?: Signal): Promise<Answer<Page<QueueState>>> => ask(way, 'queues', { signal }),

  workers: (way: Way, query: Query, signal?: Signal): Promise<Answer<Page<WorkerState>>> =>
    ask(way, 'workers', { query, signal }),

  executors: (way: Way, signal?: Signal): Promise<Answer<Page<ExecutorState>>> => ask(way, 'executors', { signal }),

  /** What of the installation is away. Beside the API's routes, and for everybody. */
  readiness: (way: Way, signal?: Signal): Promise<Answer<Condition>> => ask(way, '../../readyz', { signal }),
};
