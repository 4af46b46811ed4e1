import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { contrast, distance, rgbOf, seenWith, themeOf } from './palette';
import type { Rgb } from './palette';

const sheet = readFileSync(new URL('../styles/tokens.css', import.meta.url), 'utf8');
const GROUNDS = ['ground', 'panel', 'raised', 'well'];
const TEXT = ['ink', 'soft', 'water', 'bronze', 'red', 'slate'];
const SHAPES = ['pale', 'stone', 'edge'];
const MEANINGS = ['water', 'bronze', 'red', 'slate'];

describe.each(['light', 'dark'] as const)('in the %s theme', (theme) => {
  const colors = themeOf(sheet, theme);
  const color = (name: string): Rgb => colors.get(name) ?? expect.fail(`no colour ${name}`);

  it('text can be read on every ground', () => {
    for (const name of TEXT) {
      for (const ground of GROUNDS) {
        expect(contrast(color(name), color(ground)), `${name} on ${ground}`).toBeGreaterThanOrEqual(4.5);
      }
    }
  });

  it('shapes can be seen on every ground', () => {
    for (const name of SHAPES) {
      for (const ground of GROUNDS) {
        expect(contrast(color(name), color(ground)), `${name} on ${ground}`).toBeGreaterThanOrEqual(3);
      }
    }
  });

  it('what is filled with a tone can be read', () => {
    for (const name of MEANINGS) expect(contrast(color('on-tone'), color(name)), name).toBeGreaterThanOrEqual(4.5);
  });

  it('tones that mean different things stay apart, also for the colour blind', () => {
    const seen = [
      (c: Rgb) => c,
      (c: Rgb) => seenWith('protanopia', c),
      (c: Rgb) => seenWith('deuteranopia', c),
      (c: Rgb) => seenWith('tritanopia', c),
    ];
    for (const [n, one] of MEANINGS.entries()) {
      for (const other of MEANINGS.slice(n + 1)) {
        for (const see of seen) {
          expect(distance(see(color(one)), see(color(other))), `${one} and ${other}`).toBeGreaterThanOrEqual(8);
        }
      }
    }
  });
});

it('measures as the standards say', () => {
  expect(contrast(rgbOf('#000000'), rgbOf('#ffffff'))).toBeCloseTo(21);
  expect(contrast(rgbOf('#777777'), rgbOf('#ffffff'))).toBeCloseTo(4.48, 2);
  expect(distance(rgbOf('#123456'), rgbOf('#123456'))).toBe(0);
});
