// Painting the channel: water where time has flowed, an empty channel where it will, instants in it, and the needle.

import type { Bin } from '../../lib/strip';
import { paintLane } from '../../ui/painter';
import type { Tones } from '../../ui/painter';
import type { Plan, Row } from './channel';

export interface Picture {
  readonly plan: Plan;
  readonly rows: readonly (readonly Bin[])[];
  readonly axis: readonly { readonly at: number }[];
  readonly tall: number; // of a row, in pixels
  readonly now: number;
  readonly picked: { readonly from: number; readonly to: number } | null;
  /** The cell of the keyboard, if the channel has the focus. */
  readonly cursor: { readonly row: number; readonly bin: Bin } | null;
}

export function paintChannel(context: CanvasRenderingContext2D, width: number, picture: Picture, inks: Tones): void {
  picture.plan.rows.forEach((row, n) => {
    const y = n * picture.tall;
    paintBed(context, width, picture, row, y, n, inks);
    const x = (moment: number): number => ((moment - row.from) / picture.plan.longest) * width;
    const lane = picture.rows[n] ?? [];
    const edges = [...lane.map((bin) => x(bin.from)), x(row.to)];
    const bins = lane.map((bin) => bin.counts);
    paintLane(context, { x: 0, y: y + 1, height: picture.tall - 2, edges, bins }, inks);
    paintMarks(context, picture, row, y, n, x, inks);
  });
}

function paintBed(
  context: CanvasRenderingContext2D,
  width: number,
  { plan, axis, tall, now }: Picture,
  row: Row,
  y: number,
  n: number,
  inks: Tones,
): void {
  const x = (ms: number): number => (ms / plan.longest) * width;
  const end = x(row.to - row.from);
  context.fillStyle = inks.deep;
  context.globalAlpha = 0.42;
  context.fillRect(0, y + 2, x(Math.min(Math.max(now - row.from, 0), row.to - row.from)), tall - 3);
  context.globalAlpha = 1;
  context.fillStyle = inks.hair;
  for (const mark of axis) {
    const at = Math.round(mark.at * width);
    if (mark.at > 0 && at < end) context.fillRect(at, y + 2, 1, tall - 3);
  }
  context.fillRect(0, y + tall - 1, end, 1);
  if (row.first && n > 0) {
    context.fillStyle = inks.edge;
    context.fillRect(0, y, end, 1);
  }
  if (row.note !== null) {
    context.fillStyle = inks.bronze;
    context.fillRect(end - 2, y + 2, 2, tall - 3);
  }
}

function paintMarks(
  context: CanvasRenderingContext2D,
  { picked, cursor, tall, now }: Picture,
  row: Row,
  y: number,
  n: number,
  x: (moment: number) => number,
  inks: Tones,
): void {
  context.lineWidth = 2;
  if (picked !== null && picked.from < row.to && picked.to > row.from) {
    const left = x(Math.max(picked.from, row.from));
    const wide = Math.max(4, x(Math.min(picked.to, row.to)) - left - 1);
    context.strokeStyle = inks.bronze;
    context.strokeRect(left + 0.5, y + 1, wide, tall - 2);
    context.fillStyle = inks.bronze;
    context.globalAlpha = 0.14;
    context.fillRect(left, y + 1, wide, tall - 2);
    context.globalAlpha = 1;
  }
  if (cursor !== null && cursor.row === n) {
    const left = x(cursor.bin.from);
    context.strokeStyle = inks.ink;
    context.setLineDash([3, 2]);
    context.strokeRect(left, y + 1, Math.max(5, x(cursor.bin.to) - left), tall - 2);
    context.setLineDash([]);
  }
  if (now >= row.from && now < row.to) {
    const at = Math.round(x(now));
    context.fillStyle = inks.bronze;
    context.fillRect(at - 1, y, 2, tall);
    context.beginPath();
    context.moveTo(at - 5, y);
    context.lineTo(at + 5, y);
    context.lineTo(at, y + 6);
    context.fill();
  }
}
