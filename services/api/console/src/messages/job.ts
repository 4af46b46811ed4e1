// The words of the Job screen.

import { short } from '../lib/duration';
import type { Job, JobPromise, Mute, PromiseStanding } from '../lib/types';

const MISFIRE: Readonly<Record<string, string>> = {
  '1': 'missed times: all of them run',
  '2': 'missed times: one run for all of them',
  '3': 'missed times: none of them runs',
};

const OVERLAP: Readonly<Record<string, string>> = {
  skip: 'while a run is unfinished: the next is skipped',
  buffer_one: 'while a run is unfinished: one more waits',
  buffer_all: 'while a run is unfinished: the next ones wait',
  cancel_other: 'while a run is unfinished: it is cancelled for the next',
};

const FOLLOWS: Readonly<Record<string, string>> = { '1': 'buffer_all', '2': 'buffer_one', '3': 'skip' };

/** The policies of a job, as sentences. */
export function policies(job: Job): string[] {
  const overlap = job.overlapPolicy ?? FOLLOWS[job.misfirePolicy] ?? 'skip';
  const told = [
    MISFIRE[job.misfirePolicy] ?? `missed times: ${job.misfirePolicy}`,
    job.concurrent === '0' ? 'its runs may overlap' : (OVERLAP[overlap] ?? `overlap: ${overlap}`),
  ];
  if (job.inForce !== null) {
    const { retry, timeout } = job.inForce;
    told.push(retry.maxAttempts > 1 ? `up to ${retry.maxAttempts} attempts` : 'one attempt');
    if (timeout === null) told.push('with the time limit of its executor, which no worker has announced');
    else told.push(timeout > 0 ? `each at most ${short(timeout * 1000)}` : 'without a time limit');
  }
  if (job.jitter > 0) told.push(`spread over ${short(job.jitter * 1000)}`);
  return told;
}

/** What a job promises, as sentences; none, if it promises nothing. */
export function promises(promise: JobPromise | null | undefined): string[] {
  if (promise === null || promise === undefined) return [];
  const length = (seconds: number) => short(seconds * 1000);
  const failures = (count: number) => (count === 1 ? '1 failed run' : `${count} failed runs in a row`);
  return [
    said(promise.startWithin, (value) => `it starts within ${length(value)}`),
    said(promise.finishWithin, (value) => `it ends within ${length(value)}`),
    said(promise.finishBy, (value) => `it ends by ${value}`),
    said(promise.runsAtMost, (value) => `an attempt takes ${length(value)} at most`),
    said(promise.successWithin, (value) => `it succeeds every ${length(value)}`),
    said(promise.disableAfter, (value) => `it is disabled after ${failures(value)}`),
  ].flat();
}

/** What is broken of a promise, after `broken since …`. */
export const BREAKS: Readonly<Record<string, string>> = {
  late: 'late',
  missing: 'no run',
  tooLong: 'an attempt took too long',
  silent: 'no success',
};

/** How a promise is kept, in a word. */
export const KEPT: Readonly<Record<PromiseStanding['state'], string>> = {
  broken: 'broken',
  open: 'kept so far',
  kept: 'kept',
  unjudged: 'not judged: no notifier runs',
};

function said<T>(value: T | null | undefined, words: (value: T) => string): string[] {
  return value === null || value === undefined ? [] : [words(value)];
}

/** Whom a mute is of, where that is more than the job; nothing, if it is the job alone. */
export function beyondJob(mute: Mute): string {
  if (mute.all) return 'with everything';
  if (mute.group !== null) return `with the group ${mute.group}`;
  return mute.label === null ? '' : `with the label ${mute.label}`;
}

export const EVENTS: Readonly<Record<string, string>> = {
  'job.created': 'created it',
  'job.changed': 'changed it',
  'job.enabled': 'enabled it',
  'job.disabled': 'disabled it',
  'job.deleted': 'deleted it',
  'logs.cleared': 'cleared its logs',
  'notices.muted': 'muted its notices',
  'notices.unmuted': 'ended a mute of its notices',
};

/** Why a scheduled time did not fire, in a few words; the sentence of the API says it in full. */
export const REASONS: Readonly<Record<string, string>> = {
  misfire: 'it was late',
  window: 'it was too late to be made up for',
  overflow: 'too many at once',
  overlap: 'an earlier run was not finished',
  edited: 'the job was changed',
  disabled: 'the job was disabled',
  deleted: 'the job was deleted',
};

export const TRIGGERED = 'It is stored; the run begins as soon as a worker is free.';
