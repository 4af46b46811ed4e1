// The words of the Run screen. Another language is another file with the same names.

import { inWords, short } from '../lib/duration';
import { number } from '../lib/fates';
import type { Trigger } from '../lib/types';

const count = (n: number, one: string, many = `${one}s`): string => `${number(n)} ${n === 1 ? one : many}`;

export const RUN = {
  title: (what: string): string => `Run ${what}`,
  byHand: 'by hand',
  unreadable: (position: string, reason: string): string =>
    `The event that ended it (${position}) cannot be read, so its result and error are not known: ${reason}`,
  gone: (since: string | null): string =>
    since === null
      ? 'There is no run with this id.'
      : 'There is no run with this id. Runs that ended long ago are no longer kept.',
  goneSince: 'All events are kept since',
  framed: 'Its attempts, steps and log would be here.',
  notList: 'It is not among the runs that this caller may list.',
} as const;

/** What became of a run, as a sentence that follows its status. */
export const STORY = {
  ran: (ms: number, attempts: number): string =>
    attempts > 1 ? `It took ${short(ms)}, with the waits between attempts.` : `It took ${short(ms)}.`,
  running: (ms: number): string => `It has been running for ${short(Math.floor(ms / 1000) * 1000)}.`,
  usual: (ratio: number, usual: number): string => {
    if (ratio > 1.25) return `That is ${timesText(ratio)} the usual ${short(usual)}.`;
    if (ratio < 0.75) return `Usually it takes ${short(usual)}.`;
    return `That is as usual.`;
  },
  usually: (usual: number): string => `Usually it takes ${short(usual)}.`,
  overdue: (ratio: number, usual: number): string => `That is ${timesText(ratio)} the usual ${short(usual)} already.`,
  failedAfter: (attempts: number): string => (attempts === 1 ? 'Its only attempt failed.' : `All ${attempts} attempts failed.`),
  attempts: (attempts: number): string => `It took ${attempts} attempts.`,
  attempt: (attempt: number): string => `This is attempt ${attempt}.`,
  late: (ms: number): string => `It started ${short(ms)} after its time.`,
  folded: (n: number): string => `It stands for ${count(n, 'earlier scheduled time')}, too.`,
  asked: 'Somebody asked to stop it; its executor has not stopped yet.',
  cancelled: {
    requested: 'Somebody cancelled it.',
    replaced: 'A newer run of its job took its place.',
    jobDisabled: 'Its job was disabled before it started.',
    jobDeleted: 'Its job was deleted before it started.',
  },
  timedOut: 'It took longer than its limit.',
  died: 'Its worker was lost too often.',
} as const;

export function timesText(ratio: number): string {
  return `${ratio < 10 ? ratio.toFixed(1).replace(/\.0$/, '') : Math.round(ratio)} times`;
}

export const CLOCKS = {
  title: 'Five clocks',
  nominal: 'due',
  requested: 'requested',
  ready: 'ready',
  requestedReady: 'requested, ready',
  started: 'started',
  ended: 'ended',
  none: { nominal: 'no time of a schedule', ready: '', started: 'not yet', ended: 'not yet' },
  gaps: {
    decided: 'until it was decided',
    catchup: 'until it was caught up',
    backfill: 'until it was backfilled',
    retry: 'until it was run again',
    held: 'held back for its time',
    behind: 'behind another run',
    waited: 'for a worker',
    ran: 'at work',
  },
  attempts: (n: number): string => `in ${n} attempts`,
} as const;

export const TRIGGERED: Readonly<Record<Trigger, string>> = {
  schedule: 'by its schedule',
  catchup: 'caught up, late',
  manual: 'by hand',
  backfill: 'by a backfill',
  retry: 'to repeat a run',
};

export const WAIT = {
  title: 'Why it waits',
  time: 'It waits for its time.',
  retry: (attempt: number): string => `Attempt ${attempt} did not succeed; it is tried again`,
  behind: 'It waits behind another run of its job, which may not overlap:',
  paused: (queue: string): string => `Its queue ${queue} is paused: nothing in it starts until somebody resumes it.`,
  executor: (executor: string, queue: string): string => `No live worker of the queue ${queue} has the executor ${executor}.`,
  executorSince: 'It has been ready since',
  noWorker: (queue: string): string => `No live worker serves the queue ${queue}.`,
  busy: (slots: number, workers: number, ahead: number): string =>
    `${slots === 1 ? 'The one slot' : `All ${slots} slots`} of ${count(workers, 'worker')} for its queue ${slots === 1 ? 'is' : 'are'} busy` +
    (ahead > 0 ? `, and up to ${count(ahead, 'other run')} ${ahead === 1 ? 'waits' : 'wait'} with it.` : '.'),
  soon: 'It is ready, and a worker has a free slot: it starts in a moment.',
  unknown: 'It is ready and waits for a worker.',
  noLog: 'It writes its log when it has started.',
} as const;

export const WORK = {
  title: 'Attempts and steps',
  attempt: (n: number): string => `Attempt ${n}`,
  none: 'No attempt has started.',
  noSteps: 'This attempt has no steps: its executor named none.',
  of: (n: number): string => count(n, 'attempt'),
  outcome: {
    succeeded: 'succeeded',
    failed: 'failed',
    timedOut: 'timed out',
    crashed: 'crashed',
    badParams: 'refused its parameters',
    cancelled: 'cancelled',
    lost: 'worker lost',
    returned: 'handed back',
    running: 'running',
  },
  story: (worker: string, outcome: string, ms: string, open: boolean): string =>
    `on ${worker}: ${outcome} ${open ? 'for' : 'after'} ${ms}`,
  later: (gap: string): string => `${gap} later,`,
  step: 'Step',
  bar: 'In time',
  took: 'Took',
  lines: 'Lines',
  all: 'All attempts',
  barLabel: (name: string, after: number, ms: number): string => `${name}: began ${inWords(after)} in, took ${inWords(ms)}`,
  progress: (done: number, total: number | null): string => (total === null ? number(done) : `${number(done)} of ${number(total)}`),
} as const;

export const VALUES = {
  title: 'Given and returned',
  params: 'Parameters',
  result: 'Result',
  nothing: 'none',
  cut: (n: number): string => `Show ${number(n)} characters more`,
} as const;

export const FAILURE = {
  line: (n: number): string => `Line ${number(n)} of the log`,
  trace: 'Traceback',
} as const;

export const LOG = {
  title: 'Log',
  none: 'This run wrote no line.',
  noneYet: 'No line yet.',
  noneFit: 'No line fits.',
  clear: 'Show all lines',
  level: { debug: 'debug', info: 'info', warning: 'warn', error: 'error' },
  levels: { debug: 'debug', info: 'info', warning: 'warnings', error: 'errors' },
  lines: (n: number): string => count(n, 'line'),
  of: (n: number, total: number): string => `${number(n)} of ${count(total, 'line')}`,
  gap: (n: string, reason: 'limit' | 'speed', final: boolean): string =>
    (final ? `${n} lines are missing here: ` : `${n} lines are missing here so far: `) +
    (reason === 'limit' ? 'a log keeps its beginning and its end.' : 'they were written faster than they could be stored.'),
  cleared: (n: number): string => `Lines 1 to ${number(n)} were deleted. The others keep their numbers.`,
  gapsWords: (n: number): string => `${count(n, 'line')} missing`,
  longer: (n: string): string => `${n} more characters`,
  foldedLines: (n: number): string => `${count(n, 'line')} folded`,
  fresh: (n: number): string => `${number(n)} new`,
  toEnd: 'To the end',
  following: 'Following',
  search: 'Search the log',
  find: 'Find in the log',
  hits: (at: number, n: number, more: boolean): string => `${number(at)} of ${number(n)}${more ? '+' : ''}`,
  noHits: 'not found',
  searching: 'searching…',
  before: 'Before',
  next: 'Next',
  nextError: 'Next error',
  errorBefore: 'Error before',
  time: { label: 'Time of lines', since: 'since start', clock: 'clock', off: 'off' },
  wrap: 'Wrap',
  copy: 'Copy',
  copyText: 'Text alone',
  copyTimes: 'With times',
  copyLink: 'Link to these lines',
  copied: 'Copied.',
  notCopied: 'The browser did not let it be copied.',
  copyWhat: (from: number, to: number): string => (from === to ? `Line ${number(from)}` : `Lines ${number(from)} to ${number(to)}`),
  copyAll: (n: number): string => `All ${count(n, 'line')} that are read`,
  download: 'Download',
  downloading: 'Downloading…',
  long: (n: number): string =>
    `This log has ${count(n, 'line')}, more than a page holds. The browser's own find sees only those around; Ctrl F here searches all of them.`,
  /** Why a step of a long log has no fold. */
  noFold: {
    filtered: 'Steps cannot be folded in it while a filter is on.',
    mixed: 'Steps whose lines stand among those of others cannot be folded in it.',
  },
  cut: (n: number): string => `The newest ${count(n, 'line')} that fit; there are more.`,
  collecting: 'Reading the lines that fit…',
  standing: {
    connecting: 'Connecting to the stream of lines.',
    live: 'Lines are shown as they are written.',
    polling: 'No stream is free, so the page asks for lines every two seconds.',
    resting: 'The page was hidden for a minute, so the stream is closed.',
    refused: 'Lines are not followed.',
  },
  lostSince: 'The stream is lost since',
  lostAgain: (s: number): string => `Next try in ${s} s. Nothing is lost: it goes on after the last line.`,
  ended: 'The log is complete.',
  outside: 'outside steps',
  attempt: (n: number): string => `Attempt ${n}`,
  step: (n: number, name: string | null): string => (name === null ? `Step ${n}` : `${n} ${name}`),
  onlyStep: (name: string): string => `Only ${name}`,
  picked: 'Line chosen',
  keys: {
    next: 'Next place found in the log',
    before: 'Place found before',
    down: 'Choose the next line of the log',
    up: 'Choose the line before',
    more: 'Choose one line more',
    moreUp: 'Choose one line more, upwards',
    wrap: 'Wrap long lines, or not',
    end: 'To the bottom of the log, and follow it',
  },
} as const;

export const COMMANDS = {
  cancel: {
    button: 'Cancel…',
    title: 'Cancel this run',
    action: 'Cancel the run',
    running: (limit: string): string =>
      `The executor is asked to stop. The run counts as cancelled when it has, whatever it returns; one that does not stop keeps its slot. ${limit}`,
    how: 'Async code is cancelled, threads see ctx.cancelled, child processes get SIGTERM and 1.5 s later SIGKILL.',
    waiting: 'It has not started: it ends at once, and nothing is executed.',
    unknown: 'If it has not started, nothing is executed. If it runs, its executor is asked to stop.',
    done: 'Asked to cancel the run.',
    ended: 'The run has ended.',
    already: 'It was asked to stop already.',
  },
  retry: {
    button: 'Retry…',
    title: 'Run it again, as it was',
    action: 'Run it again',
    what: 'A new run with the same executor, parameters, labels, time limit and queue. This run stays as it is.',
    nominal: 'It is for the same scheduled time; no time is decided again.',
    done: 'A new run was requested.',
    unended: 'The run has not ended.',
  },
  now: {
    button: 'Run the job now…',
    title: 'Run the job as it is now',
    action: 'Run it now',
    what: 'One new run with the parameters and settings that the job has today. Its schedule goes on as before.',
    changed: (then: number, now: number): string => `The job is at version ${now}; this run had version ${then}.`,
    same: 'The job is the same as it was for this run.',
    disabled: 'The job is disabled; it runs this once all the same.',
    done: 'The job was asked to run.',
    noJob: 'This run has no job.',
    unknown: (why: string): string => `Of which job it is, is not known here. ${why}`,
    deleted: 'The job was deleted.',
  },
  blocker: 'See the run that blocks',
} as const;

export const COMPARE = {
  button: 'Compare',
  close: 'Close the comparison',
  title: 'Compared',
  none: 'No other run of this job succeeded.',
  noJob: 'A run without a job has nothing to be compared with.',
  with: 'Compare with',
  here: 'This run',
  there: 'The other',
  clocks: 'Times',
  wait: 'Waited for a worker',
  ran: 'At work',
  late: 'Started after its time',
  attempts: 'Attempts',
  version: 'Version of the job',
  executor: 'Executor',
  queue: 'Queue',
  worker: 'Worker',
  ratio: 'Ratio',
  params: 'Parameters',
  sameParams: 'The parameters are the same.',
  steps: 'Steps',
  noSteps: 'Neither has steps.',
  log: 'Logs',
  sameLog: 'The logs say the same, but for times, ids and numbers.',
  differ: (same: number, line: number | null): string =>
    `The logs say the same for ${count(same, 'line')}, times, ids and numbers aside, and differ ${line === null ? 'where this one ends' : `from line ${number(line)} on`}.`,
  differAtOnce: 'The logs differ from the first line on, times, ids and numbers aside.',
  sameLines: (n: number): string => `${count(n, 'line')} the same`,
  alike: (n: number, where: string): string => `${count(n, 'line')} more like it, ${where}`,
  left: (here: number, there: number): string =>
    `Not compared: ${count(here, 'line')} more of this run and ${number(there)} of the other.`,
  first: (n: number): string => `The first ${count(n, 'line')} of each log were looked at.`,
  onlyHere: 'only here',
  onlyThere: 'only there',
  longer: (ratio: string): string => `It took ${ratio} as long.`,
  step: (name: string, more: number): string =>
    more > 0 ? `Most of the difference is in “${name}”: ${short(more)} longer.` : `Most of the difference is in “${name}”: ${short(-more)} shorter.`,
  stopped: (name: string): string => `“${name}” failed here and succeeded there.`,
  absent: (n: number): string => `${count(n, 'step')} of the other ${n === 1 ? 'was' : 'were'} not reached.`,
  changed: (n: number): string => `${count(n, 'parameter')} ${n === 1 ? 'differs' : 'differ'}.`,
  versions: (here: number, there: number): string => `The job was at version ${here} here and at version ${there} there.`,
  same: 'Both took about as long.',
} as const;
