// Painting of the river on a canvas: what goes on above, drops below, the needle where now is.

import { LOOK } from '../../lib/fates';
import { short } from '../../lib/duration';
import type { Fate } from '../../lib/fates';
import { clockText } from '../../lib/zone';
import { paintShape } from '../../ui/painter';
import type { Tones } from '../../ui/painter';
import { isBad, SIDE } from './river';
import type { Bin, Moving } from './river';

export const LANES = 4;
const LANE = 20;
export const BED = 30; // below the drops: water, and the clock
const TOP = LANES * LANE + 8;
const DROP = 11;

type Context = CanvasRenderingContext2D;

export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly now: number;
  readonly zone: string;
  readonly bins: readonly Bin[];
  readonly moving: readonly Moving[];
  readonly at: number | null; // the bin under the cursor
  readonly label: string; // of the needle
}

export const xOf = (time: number, { now, width }: Pick<Picture, 'now' | 'width'>): number =>
  ((time - (now - SIDE)) / (2 * SIDE)) * width;

/** The height that a drop takes, so that the fullest bin has room; null: there are too many to be drawn one by one. */
export function pitchOf(most: number, room: number): number | null {
  const pitch = Math.min(DROP + 1, room / Math.max(1, most));
  return pitch >= 6 ? pitch : null;
}

const fateOf = (status: string): Fate => (status === 'succeeded' || status === 'cancelled' ? status : (status as Fate));

export function paintRiver(context: Context, picture: Picture, inks: Tones): void {
  const { width, height, bins, now } = picture;
  const bed = height - BED;
  const middle = xOf(now, picture);
  paintClock(context, picture, inks);
  paintWater(context, picture, middle, inks);
  const room = bed - TOP;
  const most = Math.max(1, ...bins.map((bin) => Math.max(bin.ended.length, bin.dueCount)));
  const pitch = pitchOf(most, room);
  bins.forEach((bin, n) => {
    const left = xOf(bin.from, picture);
    const wide = xOf(bin.to, picture) - left;
    if (n === picture.at) {
      context.fillStyle = inks.raised;
      context.fillRect(left - 1, TOP - 4, Math.max(3, wide + 2), bed - TOP + 4);
    }
    if (pitch === null) paintBars(context, bin, left, wide, bed, room / most, inks);
    else paintDrops(context, bin, left + wide / 2, bed, pitch, inks);
  });
  paintMoving(context, picture, middle, inks);
  // The needle.
  context.fillStyle = inks.bronze;
  context.fillRect(Math.round(middle) - 1, 0, 2, height);
  context.beginPath();
  context.moveTo(middle - 6, 0);
  context.lineTo(middle + 6, 0);
  context.lineTo(middle, 9);
  context.fill();
  context.fillStyle = inks.hair;
  context.fillRect(0, bed, width, 1);
}

function paintDrops(context: Context, bin: Bin, x: number, bed: number, pitch: number, inks: Tones): void {
  const size = Math.min(DROP, pitch + 1);
  bin.ended.forEach((run, n) => {
    const { shape, tone } = LOOK[fateOf(run.status)];
    const larger = isBad(run.status) ? 3 : 0;
    paintShape(context, shape, inks[tone], x, bed - 1 - pitch * (n + 0.5), size + larger);
  });
  for (let n = 0; n < bin.dueCount; n += 1) {
    paintShape(context, LOOK.future.shape, inks.pale, x, bed - 1 - pitch * (n + 0.5), size);
  }
}

function paintBars(context: Context, bin: Bin, left: number, wide: number, bed: number, unit: number, inks: Tones): void {
  const bar = Math.max(1.5, wide - 1);
  let y = bed;
  const bad = bin.ended.filter((run) => isBad(run.status)).length;
  for (const [count, ink, least] of [
    [bin.ended.length - bad, inks.water, 1],
    [bad, inks.red, 3],
  ] as const) {
    if (count === 0) continue;
    const tall = Math.max(least, count * unit);
    context.fillStyle = ink;
    context.fillRect(left, y - tall, bar, tall - 1);
    y -= tall;
  }
  if (bin.dueCount > 0) {
    const tall = Math.max(2, bin.dueCount * unit);
    context.strokeStyle = inks.pale;
    context.lineWidth = 1;
    context.strokeRect(left + 0.5, bed - tall + 0.5, Math.max(1, bar - 1), tall - 1);
  }
}

/** What goes on now, as streams that reach the needle; the longest on top. */
function paintMoving(context: Context, picture: Picture, middle: number, inks: Tones): void {
  const { moving, now, width } = picture;
  const rest = moving.length > LANES ? LANES - 1 : LANES;
  context.font = '14px system-ui, sans-serif';
  context.textBaseline = 'middle';
  context.textAlign = 'right';
  const wide = width >= 560;
  moving.slice(0, rest).forEach((run, n) => {
    const y = 12 + LANE * n;
    const from = Math.max(0, xOf(run.from, picture));
    const text = `${run.name}  ${short(Math.max(0, Math.round((now - run.from) / 1000) * 1000))}`;
    context.fillStyle = inks.bronze;
    context.fillRect(from, y - 1, Math.max(0, middle - 8 - from), 2);
    if (run.from > now - SIDE) context.fillRect(from, y - 4, 2, 8);
    paintShape(context, 'half', inks.bronze, middle - 10, y, 13);
    if (!wide) return;
    // On its stream where there is room, else before it.
    const length = context.measureText(text).width;
    const right = middle - 24;
    context.fillStyle = inks.ground;
    context.fillRect(right - length - 5, y - 9, length + 10, 18);
    context.fillStyle = inks.ink;
    context.fillText(text, right, y);
  });
  if (moving.length > rest) {
    context.fillStyle = inks.soft;
    context.fillText(`and ${moving.length - rest} more running`, middle - 10, 12 + LANE * rest);
  }
}

function paintWater(context: Context, picture: Picture, middle: number, inks: Tones): void {
  const { height, width } = picture;
  const bed = height - BED;
  context.fillStyle = inks.deep;
  context.fillRect(0, bed, middle, 6);
  context.save();
  context.strokeStyle = inks.edge;
  context.setLineDash([2, 5]);
  context.beginPath();
  context.moveTo(middle, bed + 3);
  context.lineTo(width, bed + 3);
  context.stroke();
  context.restore();
}

function paintClock(context: Context, picture: Picture, inks: Tones): void {
  const { now, width, height, zone } = picture;
  const step = width >= 760 ? 600_000 : 1_800_000;
  context.textBaseline = 'alphabetic';
  context.font = '600 14px system-ui, sans-serif';
  const label = context.measureText(picture.label).width;
  context.font = '14px system-ui, sans-serif';
  context.textAlign = 'center';
  const middle = xOf(now, picture);
  for (let time = Math.ceil((now - SIDE) / step) * step; time <= now + SIDE; time += step) {
    const x = xOf(time, picture);
    context.fillStyle = inks.hair;
    context.fillRect(Math.round(x), TOP - 4, 1, height - BED - TOP + 10);
    if (x < 22 || x > width - 22 || (x > middle - 34 && x < middle + 30 + label)) continue;
    context.fillStyle = inks.soft;
    context.fillText(clockText(time, zone, 'minute'), x, height - 5);
  }
  context.font = '600 14px system-ui, sans-serif';
  context.fillStyle = inks.bronze;
  context.textAlign = 'left';
  context.fillText(picture.label, middle + 7, height - 5);
}
