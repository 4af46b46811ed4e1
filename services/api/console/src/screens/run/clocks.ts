// The five clocks of a run, and what lies between them. Pure.

import type { RunStatus, Trigger } from '../../lib/types';

export interface Clocked {
  readonly trigger: Trigger;
  readonly status: RunStatus;
  readonly nominalAt: string | null;
  readonly requestedAt: string;
  readonly readyAt: string | null;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
}

export type ClockKey = 'nominal' | 'requested' | 'ready' | 'started' | 'ended';
export type GapKey = 'decided' | 'catchup' | 'backfill' | 'retry' | 'held' | 'behind' | 'waited' | 'ran';

export interface Clock {
  readonly key: ClockKey;
  readonly at: number | null;
  /** It has not come yet. */
  readonly ahead: boolean;
  /** What lies before it, from the clock that was last known. */
  readonly gap: { readonly key: GapKey; readonly ms: number; readonly open: boolean } | null;
}

const ENDED: ReadonlySet<RunStatus> = new Set(['succeeded', 'failed', 'timedOut', 'died', 'cancelled']);
export const isEnded = (status: RunStatus): boolean => ENDED.has(status);

/**
 * `firstReady`: when the first attempt might start, as the run was requested; `readyAt` of the run is that of its last.
 * `behind`: it was to wait for another run of its job.
 */
export function clocksOf(run: Clocked, now: number, firstReady: string | null = null, behind = false): Clock[] {
  const [nominal, requested, started, ended] = [run.nominalAt, run.requestedAt, run.startedAt, run.finishedAt].map(momentOf);
  const first = momentOf(firstReady) ?? momentOf(run.readyAt);
  const isOfFirst = first !== null && (started == null || first <= started);
  const held = isOfFirst && first !== null && first > (requested ?? 0) ? first : null;
  const ready = held ?? requested ?? null;
  const waits = behind || run.status === 'waiting';
  const clocks: Clock[] = [];
  let last: number | null = null;
  const tell = (key: ClockKey, at: number | null | undefined, gap: GapKey): void => {
    const open = at == null && last !== null && !isEnded(run.status);
    // A run that was cancelled before it started has an end without a start.
    const until = at ?? (open ? now : null);
    const isNext = clocks.every((clock) => clock.at !== null || clock.key === 'nominal');
    clocks.push({
      key,
      at: at ?? null,
      ahead: at != null && !isEnded(run.status) && at > now,
      gap: last === null || until === null || (open && (!isNext || last > now)) ? null : { key: gap, ms: Math.max(0, until - last), open },
    });
    if (at != null) last = at;
  };
  const asked: GapKey = run.trigger === 'schedule' || run.trigger === 'manual' ? 'decided' : run.trigger;
  tell('nominal', nominal, 'decided');
  tell('requested', requested, asked);
  tell('ready', run.status === 'waiting' ? null : ready, waits ? 'behind' : 'held');
  tell('started', started, waits && run.status !== 'waiting' ? 'behind' : 'waited');
  tell('ended', ended, started == null ? 'waited' : 'ran');
  return clocks;
}

function momentOf(time: string | null): number | null {
  return time === null ? null : Date.parse(time);
}

/** The middle of some lengths; null of none. */
export function median(lengths: readonly number[]): number | null {
  if (lengths.length === 0) return null;
  const sorted = lengths.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  const upper = sorted[half] ?? 0;
  return sorted.length % 2 === 1 ? upper : Math.round(((sorted[half - 1] ?? 0) + upper) / 2);
}
