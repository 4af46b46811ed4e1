// The ledger's proof of the last day, of all jobs: asked for when a screen opens, and after something has changed, each five
// minutes at most. At rest it stays as it is, for the pulse tells of whatever could break it.

import { clock, session } from './app.svelte';
import { denied } from './permits.svelte';
import { resource } from './resource.svelte';
import type { Resource } from './resource.svelte';
import { api } from '../lib/api';
import type { Pulse, Verified } from '../lib/types';

const DAY = 86_400_000;
const FIVE = 300_000;

const isNews = ({ jobs, runs }: Pulse): boolean => jobs.length > 0 || runs.length > 0;

/** Nothing is asked for unless `wanted`. */
export function useProof(wanted: () => boolean): Resource<Verified> {
  return resource(
    () => {
      if (!wanted() || denied('query') !== null) return null;
      return (signal) => {
        const to = Math.floor(clock.moment / FIVE) * FIVE;
        const range = { from: new Date(to - DAY).toISOString(), to: new Date(to).toISOString() };
        return api.verify(session, range, signal);
      };
    },
    { on: isNews, least: FIVE },
  );
}
