// Whether a control may be used, and if not, why: a disabled control says it.

import { here } from './app.svelte';
import { readiness } from './readiness.svelte';
import type { Scope } from '../lib/session';

/** Null if the caller may; else the reason, as a sentence. */
export function denied(scope: Scope): string | null {
  // While a new key is asked for, what was allowed stays so: the sheet lies over the page, and what is typed goes on.
  const { me } = here;
  if (me === null) return 'Sign in first.';
  if (me.scopes.includes(scope)) return null;
  const has = me.scopes.length === 0 ? 'none' : me.scopes.join(', ');
  const who = me.kind === 'anybody' ? `nobody is asked for a key, and all have ${has}` : `you are ${me.kind}:${me.name ?? 'unnamed'} with ${has}`;
  return `Needs the scope ${scope}; ${who}.`;
}

/** As `denied`, for commands: they are off, too, while the API cannot store them. */
export function commandsOff(scope: Scope): string | null {
  const reason = denied(scope);
  if (reason !== null) return reason;
  if (here.phase.phase === 'away' || here.live.state === 'lost') return 'The API does not answer.';
  return readiness.redis === null ? null : 'Redis is away, so the API can store no command.';
}
