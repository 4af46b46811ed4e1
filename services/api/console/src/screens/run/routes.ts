// The routes that this screen alone uses: one function each, nothing decided here.

import { ask, segment } from '../../lib/http';
import type { Answer, Query, Way } from '../../lib/http';
import type { Page } from '../../lib/types';
import type { Lines, Outline, Queue, Run, Told, Worker } from './types';

type Signal = AbortSignal | undefined;

export const routes = {
  run: (way: Way, id: string, signal?: Signal): Promise<Answer<Run>> =>
    ask(way, `runs/${segment(id)}`, { query: { steps: 'all' }, signal }),

  /** The events of the run itself, newest first: not its steps and lines. */
  history: (way: Way, id: string, signal?: Signal): Promise<Answer<Page<Told>>> =>
    ask(way, `runs/${segment(id)}/history`, { query: { type: 'run', limit: 100 }, signal }),

  lines: (way: Way, id: string, query: Query, signal?: Signal): Promise<Answer<Lines>> =>
    ask(way, `runs/${segment(id)}/logs`, { query, signal }),

  outline: (way: Way, id: string, signal?: Signal): Promise<Answer<Outline>> =>
    ask(way, `runs/${segment(id)}/logs/outline`, { signal }),

  queues: (way: Way, signal?: Signal): Promise<Answer<Page<Queue>>> => ask(way, 'queues', { signal }),

  workers: (way: Way, signal?: Signal): Promise<Answer<Page<Worker>>> => ask(way, 'workers', { query: { limit: 200 }, signal }),
};
