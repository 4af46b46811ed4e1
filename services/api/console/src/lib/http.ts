// One request to the API: a typed answer or a problem, never an exception.
//
// A 401 asks the session to sign in; the request is then made again with what was typed, so nothing is lost. A command
// that is made again carries the same Idempotency-Key, so it happens once.

import { malformed, noAnswer, problemOf } from './problem';
import type { Problem } from './problem';

export type Answer<T> =
  | { readonly ok: true; readonly data: T; readonly status: number; readonly headers: Headers }
  | { readonly ok: false; readonly problem: Problem };

export interface Asked {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly query?: Query;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  readonly timeout?: number; // ms
}

export type QueryValue = string | number | boolean | null | undefined;
export type Query = Readonly<Record<string, QueryValue | readonly QueryValue[]>>;

/** Where requests go and with what; the session gives it. */
export interface Way {
  readonly root: URL; // …/v1/monitor/
  readonly fetch: typeof fetch;
  credential(): string | null;
  /** A 401 came for `credential`. True when there is another one now, and the request shall be made again. */
  refused(credential: string | null): Promise<boolean>;
}

const TIMEOUT = 30_000;

export async function ask<T>(way: Way, path: string, asked: Asked = {}): Promise<Answer<T>> {
  for (;;) {
    const credential = way.credential();
    const answer = await once<T>(way, path, asked, credential);
    if (answer.ok || answer.problem.kind !== 'unauthorized') return answer;
    if (!(await way.refused(credential))) return answer;
  }
}

async function once<T>(way: Way, path: string, asked: Asked, credential: string | null): Promise<Answer<T>> {
  const headers: Record<string, string> = { Accept: 'application/json', ...asked.headers };
  if (credential !== null) headers['Authorization'] = `Bearer ${credential}`;
  if (asked.body !== undefined) headers['Content-Type'] = 'application/json';
  const longest = asked.timeout ?? TIMEOUT;
  const timeout = AbortSignal.timeout(longest);
  const signal = asked.signal === undefined ? timeout : AbortSignal.any([timeout, asked.signal]);
  try {
    const response = await way.fetch(addressOf(way.root, path, asked.query), {
      method: asked.method ?? 'GET',
      headers,
      ...(asked.body === undefined ? {} : { body: JSON.stringify(asked.body) }),
      signal,
      cache: 'no-cache', // the browser keeps what has an ETag, and asks whether it still holds
      credentials: 'same-origin', // a gateway that signs people in may know them by a cookie of its own
      redirect: 'follow',
    });
    const text = await response.text();
    if (!response.ok) return { ok: false, problem: problemOf(response.status, response.headers, text) };
    if (text === '') return { ok: true, data: undefined as T, status: response.status, headers: response.headers };
    try {
      return { ok: true, data: JSON.parse(text) as T, status: response.status, headers: response.headers };
    } catch {
      return { ok: false, problem: malformed(response.status, `Not JSON: ${text.slice(0, 200)}`) };
    }
  } catch (error) {
    return { ok: false, problem: noAnswer(timeout.aborted ? `in ${longest / 1000} s` : reasonOf(error)) };
  }
}

/** The address of a route: `path` is below the root, without a leading slash; what is null or undefined is left out. */
export function addressOf(root: URL, path: string, query: Query = {}): string {
  const address = new URL(path, root);
  for (const [name, given] of Object.entries(query)) {
    const values: readonly QueryValue[] = Array.isArray(given) ? given : [given as QueryValue];
    for (const value of values) {
      if (value !== null && value !== undefined) address.searchParams.append(name, String(value));
    }
  }
  return address.href;
}

/** A segment of a path: ids may hold any character. */
export const segment = (id: string): string => encodeURIComponent(id);

/** A key that no other command has; works without a secure context, where `randomUUID` is absent. */
export function freshKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export function isAborted(problem: Problem): boolean {
  return problem.kind === 'network' && problem.detail.includes('(given up)');
}

function reasonOf(error: unknown): string {
  if (error instanceof DOMException && error.name === 'AbortError') return 'given up';
  return error instanceof Error ? error.message : 'unknown reason';
}
