import { describe, expect, it } from 'vitest';
import { cracked, crackedCounts, cracksOf } from './cracks';
import { sentence, summed, worstOf } from './fates';
import type { Breach, Verified } from './types';

const at = (minute: number): number => Date.UTC(2026, 10, 29, 2, minute);
const breach = (after: number, through: number, instants = 1): Breach => ({
  jobId: 'j',
  after: new Date(at(after)).toISOString(),
  through: new Date(at(through)).toISOString(),
  instants,
  text: '',
});
const verdict = (more: Partial<Verified>): Verified => ({ holes: [], doubles: [], strays: [], ...more }) as unknown as Verified;
const bins = [0, 10, 20].map((minute) => ({ from: at(minute), to: at(minute + 10), counts: { succeeded: 1 } }));

describe('cracks in a strip', () => {
  it('show a time that was decided twice, which a strip counts once', () => {
    const cracks = cracksOf(verdict({ doubles: [breach(4, 15)] })).get('j') ?? [];
    const shown = cracked(bins, cracks);
    expect(shown.map((bin) => worstOf(bin.counts))).toEqual(['succeeded', 'double', 'succeeded']);
    expect(sentence(summed(shown.map((bin) => bin.counts)))).toBe('3 scheduled times: 3 fired, none missing, 1 decided twice');
  });
  it('are not counted again where the strip has them', () => {
    const counted = bins.map((bin, n) => (n === 1 ? { ...bin, counts: { missing: 1 } } : bin));
    expect(cracked(counted, cracksOf(verdict({ holes: [breach(4, 15)] })).get('j') ?? [])).toEqual(counted);
  });
  it('leave bins alone that lie elsewhere, and chains that are broken without a time', () => {
    const elsewhere = verdict({ strays: [breach(40, 50)], holes: [breach(0, 5, 0)] });
    expect(cracked(bins, cracksOf(elsewhere).get('j') ?? [])).toEqual(bins);
    expect(cracksOf(null).size).toBe(0);
  });
  it('lie in the bin of a range that they end in', () => {
    const cracks = cracksOf(verdict({ doubles: [breach(4, 15, 2)] })).get('j') ?? [];
    const range = { from: at(0), to: at(30) };
    expect(crackedCounts([null, null, null], range, cracks)).toEqual([null, { double: 2 }, null]);
  });
});
