// What of the Job screen is in the address, and what part of the pulse is about a job.

import { flag, moment, oneOf } from '../../lib/address';
import type { Pulse } from '../../lib/types';
import { ZOOMS } from './channel';

export const fields = {
  span: oneOf(['auto', ...ZOOMS], 'auto'),
  t: moment, // the end of what is shown; none: now
  at: moment, // what is explained: from here…
  till: moment, // …to here, exclusive; none: one moment
  tab: oneOf(['runs', 'history'], 'runs'),
  table: flag,
};

/** Whether a message of the pulse is about a job: the id of a run begins with that of its job. */
export const about =
  (id: string) =>
  (pulse: Pulse): boolean =>
    pulse.jobs.includes(id) || pulse.runs.some((run) => run.startsWith(`${id}-`));
