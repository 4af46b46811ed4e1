// Painting of instants on a canvas: the shapes of lib/shapes.ts where there is room, bars where there is not.
//
// Canvas knows no custom properties, so the tones are read from the page once for each theme.

import { brokenIn, LOOK, totalOf } from '../lib/fates';
import type { Fate, Shape, Tone } from '../lib/fates';
import { SHAPES } from '../lib/shapes';
import { isArea, layersOf, stretchesOf } from '../lib/strip';
import type { Counts } from '../lib/types';

export type Ink = Tone | 'ink' | 'soft' | 'hair' | 'edge' | 'ground' | 'panel' | 'raised' | 'on-tone' | 'deep';
export type Tones = Readonly<Record<Ink, string>>;

const INKS: readonly Ink[] = [
  ...(['water', 'pale', 'bronze', 'red', 'slate', 'stone'] as const),
  ...(['ink', 'soft', 'hair', 'edge', 'ground', 'panel', 'raised', 'on-tone', 'deep'] as const),
];
let known: Tones | null = null;
const listeners = new Set<() => void>();

/** The tones of the theme that is shown now. */
export function tones(): Tones {
  if (known !== null) return known;
  const probe = document.createElement('span');
  probe.hidden = true;
  probe.style.setProperty('forced-color-adjust', 'none'); // else each would be the colour of text
  document.body.append(probe);
  const read = INKS.map((ink) => {
    probe.style.color = `var(--${ink})`;
    return [ink, getComputedStyle(probe).color];
  });
  probe.remove();
  known = Object.fromEntries(read) as Tones;
  return known;
}

/** Hear of another theme; returns how to stop. */
function onTheme(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function turned(): void {
  known = null;
  for (const listener of listeners) listener();
}
if (typeof document !== 'undefined') {
  new MutationObserver(turned).observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
  for (const query of ['(prefers-color-scheme: dark)', '(forced-colors: active)', '(prefers-contrast: more)']) {
    matchMedia(query).addEventListener('change', turned);
  }
}

const paths = new Map<string, Path2D>();

function pathOf(text: string): Path2D {
  let path = paths.get(text);
  if (path === undefined) {
    path = new Path2D(text);
    paths.set(text, path);
  }
  return path;
}

type Context = CanvasRenderingContext2D;

/** Draw a shape in a square of `size` around a point. */
export function paintShape(context: Context, shape: Shape, color: string, x: number, y: number, size: number): void {
  context.save();
  context.translate(x - size / 2, y - size / 2);
  context.scale(size / 16, size / 16);
  context.lineCap = 'round';
  context.lineJoin = 'round';
  for (const part of SHAPES[shape]) {
    if (part.as === 'fill') {
      context.fillStyle = color;
      context.fill(pathOf(part.path), part.even === true ? 'evenodd' : 'nonzero');
    } else {
      context.strokeStyle = color;
      context.lineWidth = Math.max(part.width ?? 1, 16 / size);
      context.setLineDash(part.dash === undefined ? [] : [...part.dash]);
      context.stroke(pathOf(part.path));
    }
  }
  context.restore();
}

export interface Lane {
  readonly x: number;
  readonly y: number;
  readonly height: number;
  /** Left edges of the bins, and the right edge of the last: one more than bins. */
  readonly edges: ArrayLike<number>;
  readonly bins: readonly (Counts | null)[];
}

/** Draw the bins of one lane: areas first, then what stands in them. */
export function paintLane(context: Context, lane: Lane, inks: Tones): void {
  const { y, height, bins, x } = lane;
  const edge = (n: number): number => x + (lane.edges[n] ?? 0);
  for (const { from, to, fate } of stretchesOf(bins)) {
    if (fate === null) continue;
    const left = edge(from);
    const width = edge(to) - left;
    if (isArea(fate)) paintArea(context, fate, left, y, width, height, inks);
    else paintBin(context, bins[from] ?? null, fate, left, y, width, height, inks);
  }
  context.fillStyle = inks.red;
  bins.forEach((counts, n) => {
    // A line above: a promise was broken there.
    if (brokenIn(counts) > 0) context.fillRect(edge(n), y, edge(n + 1) - edge(n), 2);
  });
}

function paintArea(context: Context, fate: Fate, x: number, y: number, width: number, height: number, inks: Tones): void {
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  context.strokeStyle = inks.stone;
  context.lineWidth = 1;
  context.beginPath();
  if (fate === 'forgotten') {
    context.setLineDash([2, 5]);
    context.lineWidth = 2;
    context.moveTo(x, y + height / 2);
    context.lineTo(x + width, y + height / 2);
  } else {
    context.globalAlpha = fate === 'disabled' ? 0.75 : 0.45;
    const step = 7;
    // Lines lie on one raster for the whole lane, so that neighbours join.
    for (let at = Math.floor((x - height) / step) * step; at < x + width + height; at += step) {
      context.moveTo(at, y + height);
      context.lineTo(at + height, y);
      if (fate !== 'notYetCreated') {
        context.moveTo(at, y);
        context.lineTo(at + height, y + height);
      }
    }
  }
  context.stroke();
  context.restore();
}

function paintBin(
  context: Context,
  counts: Counts | null,
  fate: Fate,
  x: number,
  y: number,
  width: number,
  height: number,
  inks: Tones,
): void {
  const size = Math.min(width + 2, height - 2, 17);
  if (totalOf(counts) === 1 || fate === 'future' || fate === 'missing') {
    if (size >= 8) {
      const { shape, tone } = LOOK[fate];
      return paintShape(context, shape, inks[tone], x + width / 2, y + height / 2, shape === 'crack' ? height : size);
    }
    return paintBar(context, fate, x, y, width, height, inks);
  }
  const inset = width >= 6 ? 1 : 0;
  const bar = Math.max(1, width - 2 * inset);
  const low = y + height - 2;
  const room = height - 4;
  for (const layer of layersOf(counts)) {
    const top = low - layer.top * room;
    const tall = (layer.top - layer.bottom) * room;
    fillAs(context, layer.fate, x + inset, top, bar, Math.max(1.5, tall - (layer.bottom > 0 ? 1 : 0)), inks);
  }
  const total = totalOf(counts);
  if (width >= 22 && height >= 18) {
    context.font = '600 11px system-ui, sans-serif';
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    const text = total > 9999 ? `${Math.round(total / 1000)}k` : String(total);
    const middle = y + height / 2 + 0.5;
    context.lineWidth = 3;
    context.strokeStyle = inks.ground;
    context.strokeText(text, x + width / 2, middle);
    context.fillStyle = inks.ink;
    context.fillText(text, x + width / 2, middle);
  }
}

/** One fate in few pixels: its height and its fill tell what its tone does. */
function paintBar(context: Context, fate: Fate, x: number, y: number, width: number, height: number, inks: Tones): void {
  const inset = width >= 4 ? 0.75 : 0;
  const wide = Math.max(1, width - 2 * inset);
  const low = y + height - 2;
  const tall = height - 4;
  const left = x + inset;
  const ink = inks[LOOK[fate].tone];
  context.fillStyle = ink;
  if (fate === 'missing' || fate === 'double' || fate === 'stray') {
    context.fillRect(x + width / 2 - 1, y, 2, height / 2 - 1);
    context.fillRect(x + width / 2 + 0.5, y + height / 2 - 1, 2, height / 2 + 1);
  } else if (fate === 'failed' || fate === 'timedOut' || fate === 'died') {
    context.fillRect(left, y + 2, wide, tall * 0.62);
    context.fillRect(left, low - tall * 0.2, wide, tall * 0.2);
  } else if (fate === 'future') {
    context.fillRect(left, y + height / 2 - 1, Math.min(wide, 2), 2);
  } else if (fate === 'coalesced') {
    context.fillRect(x, low - 2, width, 2);
  } else if (LOOK[fate].shape === 'drop') {
    context.fillRect(left, low - tall * 0.62, wide, tall * 0.62);
  } else if (LOOK[fate].shape === 'half') {
    context.fillRect(left, low - tall * 0.34, wide, tall * 0.34);
  } else if (wide >= 3) {
    context.strokeStyle = ink;
    context.lineWidth = 1;
    context.setLineDash(fate === 'pending' ? [2, 2] : []);
    context.strokeRect(left + 0.5, low - tall * 0.62 + 0.5, wide - 1, tall * 0.62 - 1);
    context.setLineDash([]);
  } else {
    context.fillRect(left, low - tall * 0.62, wide, 1.5);
    context.fillRect(left, low - 1.5, wide, 1.5);
  }
}

/** A part of a bar of many: filled for what ran, outlined for what did not. */
function fillAs(context: Context, fate: Fate, x: number, y: number, width: number, height: number, inks: Tones): void {
  const { tone, shape } = LOOK[fate];
  if (shape === 'hollow' || shape === 'barred' || shape === 'rim') {
    context.strokeStyle = inks[tone];
    context.lineWidth = 1;
    context.setLineDash(shape === 'rim' ? [2, 2] : []);
    context.strokeRect(x + 0.5, y + 0.5, Math.max(0.5, width - 1), Math.max(0.5, height - 1));
    context.setLineDash([]);
    return;
  }
  context.fillStyle = inks[tone];
  if (shape === 'crack') {
    // Two halves that do not meet.
    context.fillRect(x, y, width, height / 2 - 1);
    context.fillRect(x + Math.min(2, width / 3), y + height / 2 + 1, width, height / 2 - 1);
  } else if (shape === 'ring' || shape === 'tail') {
    context.fillRect(x, y + height - 2, width, 2);
  } else if (shape === 'broken' && width >= 5) {
    context.fillRect(x, y, width, height);
    context.clearRect(x + width - 2, y + height / 2 - 1.5, 2, 3);
  } else context.fillRect(x, y, width, height);
}

interface Size {
  readonly width: number;
  readonly height: number;
}
// Sizes come from the observer, after the page has been laid out: to ask an element for its own would lay the page out
// once for each canvas of a list.
const sizes = new WeakMap<Element, Size>();
const painters = new WeakMap<Element, () => void>();
let observer: ResizeObserver | null = null;

function resized(entries: readonly ResizeObserverEntry[]): void {
  for (const { target, contentRect } of entries) {
    sizes.set(target, { width: Math.round(contentRect.width), height: Math.round(contentRect.height) });
  }
  for (const { target } of entries) painters.get(target)?.();
}

/** Have a canvas painted when its size is known or another, and in another theme; returns how to stop. */
export function painted(canvas: HTMLCanvasElement, paint: () => void): () => void {
  observer ??= new ResizeObserver(resized);
  painters.set(canvas, paint);
  observer.observe(canvas);
  const stop = onTheme(paint);
  return () => {
    observer?.unobserve(canvas);
    painters.delete(canvas);
    stop();
  };
}

/**
 * Fit a `painted` canvas to its element, in the pixels of the screen; null if it has no size, or none yet. `small`: one of
 * many in a list. What is not said to be read is a layer of its own, which is handed on with each frame of a scroll.
 */
export function fitted(canvas: HTMLCanvasElement, small = false): ({ context: Context } & Size) | null {
  const { width, height } = sizes.get(canvas) ?? { width: 0, height: 0 };
  if (width === 0 || height === 0) return null;
  const context = canvas.getContext('2d', small ? { willReadFrequently: true } : undefined);
  if (context === null) return null;
  const ratio = Math.min(devicePixelRatio || 1, 3);
  const [wide, tall] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== wide || canvas.height !== tall) {
    canvas.width = wide;
    canvas.height = tall;
  }
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

