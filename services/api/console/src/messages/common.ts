// The words of what all screens share. Another language is another file with the same names.

export const PLACES = { now: 'Now', jobs: 'Jobs' } as const;

export const LIVE = {
  connecting: { word: 'connecting', long: 'Connecting to the stream of changes.' },
  live: { word: 'live', long: 'Changes are shown within a second.' },
  paused: { word: 'paused', long: 'Paused: nothing on the page moves. Press space to go on.' },
  hidden: { word: 'resting', long: 'The page was hidden for a minute, so the stream is closed.' },
  lost: { word: 'lost', long: 'The connection is lost. What is shown is the last that was known.' },
  off: { word: 'off', long: 'Changes are not followed.' },
  polling: {
    word: 'polling',
    seats: 'This browser has as many streams open as it can have beside other requests. This page asks every two seconds.',
    absent: 'This API has no stream of changes. The page asks every five seconds.',
    busy: 'The API has no stream to spare. The page asks every five seconds.',
  },
} as const;

/** Of a command whose answer was lost. */
export const LOST = 'It may have been done. Send it again: it is done once, whatever became of the first try';

/** A command waits for an API that is busy. */
export const WAITS = 'It waits, and is sent again by itself. It is done once';

/** In which zone the times of a screen are. A screen of many jobs has one zone for all of them: the reader's, or UTC. */
export const ZONES = {
  job: (zone: string): string => `Times on this page are in ${zone}, the zone of the job.`,
  browser: (zone: string): string => `Times on this page are in ${zone}, the zone of this browser.`,
  many: (zone: string): string =>
    `Times on this page are in ${zone}, the zone of this browser. The page of a job shows them in the zone of the job.`,
  utc: 'Times on all pages are in UTC.',
  change: 'Change it (z).',
} as const;

export const THEMES = { system: 'as the system', dark: 'dark', light: 'light' } as const;

export const STATUS = {
  delayed: 'delayed',
  queued: 'queued',
  waiting: 'waiting',
  running: 'running',
  succeeded: 'succeeded',
  failed: 'failed',
  timedOut: 'timed out',
  died: 'died',
  cancelled: 'cancelled',
} as const;

export const TRIGGERS = {
  schedule: 'by schedule',
  catchup: 'caught up',
  manual: 'by hand',
  backfill: 'backfilled',
  retry: 'run again',
} as const;

/** What still goes while a store is away, and what does not. */
export const AWAY = {
  redis: {
    title: 'Redis is away',
    text: 'Nothing is decided and no run starts. What is stored can be read; commands are off until it is back.',
  },
  postgres: {
    title: 'Postgres is away',
    text: 'The clock runs on and commands still go. Lists and histories stand still, or cannot be read.',
  },
} as const;
