import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FATES } from './fates';
import { binsOf, layersOf, packed, stretchesOf } from './strip';
import { unrolled } from './fates';
import type { Counts, Strips } from './types';

const counts = fc.dictionary(fc.constantFrom(...FATES), fc.integer({ min: 1, max: 100_000 }), { minKeys: 1 });

it('a bar is whole, split by fate with the worst on top, and nothing in it is too small to see', () => {
  fc.assert(
    fc.property(counts, (one) => {
      const layers = layersOf(one);
      expect(layers).toHaveLength(Object.keys(one).length);
      expect(layers[0]?.top).toBe(1);
      expect(layers.at(-1)?.bottom).toBe(0);
      layers.forEach((layer, n) => {
        expect(layer.top - layer.bottom).toBeGreaterThan(Math.min(0.16, 1 / layers.length) - 1e-9);
        if (n > 0) expect(layer.top).toBe(layers[n - 1]?.bottom);
      });
      const order = layers.map((layer) => FATES.indexOf(layer.fate));
      expect(order).toEqual([...order].sort((a, b) => a - b));
    }),
  );
  expect(layersOf(null)).toEqual([]);
  expect(layersOf({ newer: 3 })).toEqual([]);
});

it('bins lie where the answer says', () => {
  const answer: Strips = { from: '2026-11-30T00:00:00Z', to: '2026-11-30T04:00:00Z', edges: null, items: [] };
  const strip = { jobId: 'a', coarser: false, cells: [[3, null], [1, { failed: 1 }]] as [number, Counts | null][] };
  const bins = binsOf(answer, strip);
  expect(bins.map((bin) => (bin.to - bin.from) / 3_600_000)).toEqual([1, 1, 1, 1]);
  expect(bins[3]).toMatchObject({ from: Date.parse('2026-11-30T03:00:00Z'), counts: { failed: 1 } });
  const days = binsOf(
    { ...answer, edges: ['2026-10-24T22:00:00Z', '2026-10-25T23:00:00Z', '2026-10-26T23:00:00Z'] },
    { ...strip, cells: [[2, null]] },
  );
  expect(days.map((bin) => (bin.to - bin.from) / 3_600_000)).toEqual([25, 24]);
});

it('areas are drawn as one, over empty bins too', () => {
  const off: Counts = { disabled: 1 };
  expect(stretchesOf([null, off, null, off, { failed: 1 }, { failed: 1 }, null])).toEqual([
    { from: 0, to: 4, fate: 'disabled' },
    { from: 4, to: 5, fate: 'failed' },
    { from: 5, to: 6, fate: 'failed' },
    { from: 6, to: 7, fate: null },
  ]);
  expect(stretchesOf([null, off, null])).toEqual([{ from: 0, to: 3, fate: 'disabled' }]);
  expect(stretchesOf([null, off, null, { deleted: 1 }])).toEqual([
    { from: 0, to: 2, fate: 'disabled' },
    { from: 2, to: 3, fate: null },
    { from: 3, to: 4, fate: 'deleted' },
  ]);
  expect(stretchesOf([])).toEqual([]);
});

it('cells are the same bins when they are unrolled', () => {
  fc.assert(
    fc.property(fc.array(fc.option(counts)), (bins) => {
      expect(unrolled(packed(bins))).toEqual(bins);
    }),
  );
});
