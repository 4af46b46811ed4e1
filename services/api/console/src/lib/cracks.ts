// What the ledger finds wrong with a job, put into its strip: strips count outcomes, and do not see one that came twice.

import type { Fate } from './fates';
import type { Bin } from './strip';
import type { Breach, Counts, Verified } from './types';

export interface Crack {
  readonly fate: Fate & ('missing' | 'double' | 'stray');
  readonly after: number; // exclusive
  readonly through: number;
  readonly count: number;
}

/** The cracks of each job that has any, by its id; where the chain of decisions alone is broken, nothing can be shown. */
export function cracksOf(found: Verified | null): ReadonlyMap<string, readonly Crack[]> {
  const byJob = new Map<string, Crack[]>();
  const add = (fate: Crack['fate'], breaches: readonly Breach[]): void => {
    for (const { jobId, after, through, instants } of breaches) {
      const crack = { fate, after: Date.parse(after), through: Date.parse(through), count: instants };
      byJob.set(jobId, [...(byJob.get(jobId) ?? []), crack]);
    }
  };
  if (found !== null) {
    add('missing', found.holes);
    add('double', found.doubles);
    add('stray', found.strays);
  }
  return byJob;
}

/** The bins with what of the cracks they do not count yet, where each ends. */
export function cracked<T extends Bin>(bins: readonly T[], cracks: readonly Crack[]): readonly T[] {
  let shown = bins;
  for (const { fate, after, through, count } of cracks) {
    const counted = shown
      .filter((bin) => bin.to > after && bin.from <= through)
      .reduce((sum, bin) => sum + (bin.counts?.[fate] ?? 0), 0);
    const more = count - counted;
    if (more <= 0) continue;
    shown = shown.map((bin) =>
      bin.from <= through && through < bin.to ? { ...bin, counts: { ...bin.counts, [fate]: (bin.counts?.[fate] ?? 0) + more } } : bin,
    );
  }
  return shown;
}

/** The same for equal bins of a range. */
export function crackedCounts(
  bins: readonly (Counts | null)[],
  { from, to }: { readonly from: number; readonly to: number },
  cracks: readonly Crack[],
): readonly (Counts | null)[] {
  if (cracks.length === 0) return bins;
  const width = (to - from) / Math.max(1, bins.length);
  const placed = bins.map((counts, n) => ({ from: from + n * width, to: from + (n + 1) * width, counts }));
  return cracked(placed, cracks).map((bin) => bin.counts);
}
