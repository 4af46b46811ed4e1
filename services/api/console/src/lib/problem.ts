// What can go wrong between the page and the API, as values. Nothing here throws: a screen draws what it gets.

/** A flaw of one member of what was sent. */
export interface Flaw {
  readonly pointer: string;
  readonly message: string;
}

export type ProblemKind =
  | 'network' // no answer: the API or the way to it is away
  | 'unauthorized' // 401
  | 'forbidden' // 403: a scope is missing
  | 'missing' // 404
  | 'gone' // 410: the events of then are no longer kept
  | 'conflict' // 409
  | 'stale' // 412: changed by someone else meanwhile
  | 'invalid' // 400, 422
  | 'busy' // 429, 503: again after `retryAfter`
  | 'server' // another 5xx
  | 'malformed'; // an answer that is not ours: a gateway's page, say

export interface Problem {
  readonly kind: ProblemKind;
  readonly status: number; // 0 where nothing was answered
  readonly type: string;
  readonly title: string;
  readonly detail: string;
  readonly errors: readonly Flaw[];
  readonly requestId: string | null;
  /** Milliseconds to wait before the next try. */
  readonly retryAfter: number | null;
  /** Every member of the document: some problems name the run that blocks, or the scope that is missing. */
  readonly members: Readonly<Record<string, unknown>>;
}

const KINDS: Readonly<Record<number, ProblemKind>> = {
  400: 'invalid',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'missing',
  409: 'conflict',
  410: 'gone',
  412: 'stale',
  422: 'invalid',
  429: 'busy',
  503: 'busy',
};

/** Read the answer to a failed request. `body` is what was answered as text. */
export function problemOf(status: number, headers: Headers, body: string): Problem {
  const members = documentOf(body);
  const kind = KINDS[status] ?? (status >= 500 ? 'server' : 'malformed');
  const textOf = (name: string): string | null => {
    const value = members?.[name];
    return typeof value === 'string' ? value : null;
  };
  return {
    kind: members === null && status < 500 && kind !== 'busy' && kind !== 'unauthorized' ? 'malformed' : kind,
    status,
    type: textOf('type') ?? '',
    title: textOf('title') ?? `Status ${status}`,
    detail:
      textOf('detail') ??
      (kind === 'server' || kind === 'busy'
        ? 'A gateway in between answered, for the API did not. What is shown is the last that was known.'
        : 'The answer is not one of Waterclock. A gateway in between may have written it; its log says more.'),
    errors: flaws(members?.['errors']),
    requestId: textOf('requestId'),
    retryAfter: waitOf(headers.get('retry-after')),
    members: members ?? {},
  };
}

/** No answer came. `reason` is what the browser said, which is little. */
export function noAnswer(reason: string): Problem {
  return {
    kind: 'network',
    status: 0,
    type: '',
    title: 'No answer',
    detail: `The API did not answer (${reason}).`,
    errors: [],
    requestId: null,
    retryAfter: null,
    members: {},
  };
}

export function malformed(status: number, detail: string): Problem {
  return { ...noAnswer(''), kind: 'malformed', status, title: 'An answer that cannot be read', detail };
}

/** The run that stands in the way of a command, where the problem names one. */
export function blockerOf(problem: Problem): string | null {
  if (!problem.type.endsWith('#run-blocked')) return null;
  const { runId } = problem.members;
  return typeof runId === 'string' ? runId : null;
}

/** Whether the API has no stream to spare now, though it answers what else is asked. */
export const isFull = ({ type }: Problem): boolean => type.endsWith('#streams-full') || type.endsWith('#too-many-streams');

/** Whether it may pass by itself, so that it is worth to ask again. */
export const passes = ({ kind }: Problem): boolean => kind === 'network' || kind === 'busy' || kind === 'server';

/** Whether what was sent may have been done all the same: its answer was lost, here or behind a gateway. */
export const isUnknown = ({ kind, status, type }: Problem): boolean => {
  if (kind === 'busy') return status === 503 && (!type.includes('/problems#') || type.endsWith('#log-unavailable'));
  return kind === 'network' || kind === 'server' || (kind === 'malformed' && status < 300);
};

/** `Retry-After` in milliseconds: seconds, or a date. At least half a second, for 0 is no leave to ask without end; never
 * more than an hour. */
export function waitOf(header: string | null, now = Date.now()): number | null {
  if (header === null || header.trim() === '') return null;
  const seconds = Number(header);
  const wait = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - now;
  return Number.isFinite(wait) ? Math.min(Math.max(wait, 500), 3_600_000) : null;
}

function documentOf(body: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

function flaws(value: unknown): Flaw[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((flaw: unknown) => {
    if (typeof flaw !== 'object' || flaw === null) return [];
    const { pointer, message } = flaw as Record<string, unknown>;
    return typeof message === 'string' ? [{ pointer: typeof pointer === 'string' ? pointer : '', message }] : [];
  });
}
