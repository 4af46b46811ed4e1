// Rows of the index for tests.

import { rowsOf } from '../../lib/jobs';
import type { JobRow } from '../../lib/jobs';
import type { Columns } from '../../lib/types';

export const NOW = Date.parse('2026-11-30T09:00:00Z');
export const ago = (ms: number): string => new Date(NOW - ms).toISOString();

let made = 0;

type Change = Partial<Omit<JobRow, 'labels' | 'text'>> & { readonly labels?: Readonly<Record<string, string>> };

export function row({ labels = {}, ...change }: Change = {}): JobRow {
  made += 1;
  const id = change.id ?? `job-${made}`;
  const columns: Partial<Record<keyof Columns, unknown[]>> = {
    id: [id],
    group: [change.group ?? 'etl'],
    name: [change.name ?? id],
    status: ['0'],
    cronExpression: ['0 2 * * *'],
    invokeTarget: [change.executor ?? 'demo.noop'],
    queue: [change.queue ?? 'default'],
    labels: [labels],
    lastRunId: [`run-${made}`],
    nextFireAt: [ago(-86_400_000)],
  };
  const empty = new Proxy(columns, { get: (all, name: keyof Columns) => all[name] ?? [] }) as unknown as Columns;
  const [one] = rowsOf(empty);
  if (one === undefined) throw new Error('no row');
  return { ...one, ...change };
}
