// What the explanation of a scheduled time is headed with: its fate in the words of all screens, and the rule in a few.

import { isFate, WORDS } from '../../lib/fates';
import type { Fate } from '../../lib/fates';
import type { Explained, RunStatus } from '../../lib/types';
import { REASONS } from '../../messages/job';

/** How it is drawn. `status`: that of the run that it started, if it is known. */
export function fateOf(item: Explained, status?: RunStatus): Fate {
  if (item.fate === 'fired') {
    if (status === undefined) return /\bfailed\b/.test(item.text) ? 'failed' : 'succeeded';
    return status === 'queued' || status === 'delayed' ? 'waiting' : status;
  }
  if (item.fate === 'pending') return item.reason === 'future' ? 'future' : item.reason === 'hole' ? 'missing' : 'pending';
  return isFate(item.fate) ? item.fate : 'future';
}

/** `Fired: failed`, `Skipped: the job was changed`, `Not due`. A reason of a newer API than this page is left to the text. */
export function titleOf(item: Explained, fate: Fate): string {
  if (item.fate === 'fired') return `Fired: ${WORDS[fate].one}`;
  if (item.fate === 'notDue') return 'Not due';
  const word = item.fate === 'coalesced' ? 'merged into another run' : WORDS[fate].one;
  const why = item.fate === 'skipped' || item.fate === 'coalesced' ? REASONS[item.reason ?? ''] : undefined;
  return `${word.charAt(0).toUpperCase()}${word.slice(1)}${why === undefined ? '' : `: ${why}`}`;
}

/** The sentence of the API without what the title says already. */
export function restOf(item: Explained): string {
  const rest = item.text.replace(/^(?:Skipped|Not due): /, '');
  return rest.charAt(0).toUpperCase() + rest.slice(1);
}

/** The same for a line of a list, where it need not say that it fired. */
export function noteOf(item: Explained, fate: Fate): string {
  return item.fate === 'fired' ? WORDS[fate].one : titleOf(item, fate).toLowerCase();
}
