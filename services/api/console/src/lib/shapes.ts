// The shapes of fates, in a box of 16 by 16: the same paths for SVG and for canvas.

import type { Shape } from './fates';

export interface Part {
  readonly path: string;
  readonly as: 'fill' | 'stroke';
  readonly even?: boolean; // a path inside a path is a hole
  readonly width?: number; // of a stroke
  readonly dash?: readonly number[];
}

const DROP = 'M8 0.8C8 0.8 2.9 6.6 2.9 10.1A5.1 5.1 0 0 0 13.1 10.1C13.1 6.6 8 0.8 8 0.8Z';
const RIM = 'M8 2C8 2 3.7 7 3.7 10.1A4.3 4.3 0 0 0 12.3 10.1C12.3 7 8 2 8 2Z';
const CALL = 'M7.1 5.6H8.9L8.6 10H7.4Z M7.1 11.1H8.9V12.8H7.1Z';
// A drop with a piece broken out of its side.
const NOTCHED = 'M8 0.8C8 0.8 2.9 6.6 2.9 10.1A5.1 5.1 0 0 0 13.1 10.1C13.1 9.7 13 9.2 12.9 8.800L10.6 9.2L11.7 5.800C9.9 2.9 8 0.8 8 0.8Z';

export const SHAPES: Readonly<Record<Shape, readonly Part[]>> = {
  drop: [{ path: DROP, as: 'fill' }],
  broken: [{ path: `${NOTCHED} ${CALL}`, as: 'fill', even: true }],
  half: [
    { path: RIM, as: 'stroke', width: 1.6 },
    { path: 'M3.300 9.4H12.7A4.8 4.8 0 0 1 3.300 9.4Z M3.700 9H12.300V11H3.700Z', as: 'fill' },
  ],
  hollow: [{ path: RIM, as: 'stroke', width: 1.7 }],
  barred: [
    { path: RIM, as: 'stroke', width: 1.5 },
    { path: 'M2.5 14.2L13.5 5', as: 'stroke', width: 1.7 },
  ],
  tail: [{ path: 'M0.6 8.100L12.200 6.100A2 2 0 1 1 12.200 10.100Z', as: 'fill' }],
  rim: [{ path: RIM, as: 'stroke', width: 1.7, dash: [2.2, 1.7] }],
  crack: [{ path: 'M9.6 0L6 5.200L10.200 8L5.800 11L7.400 16', as: 'stroke', width: 2.2 }],
  hatch: [{ path: 'M1 15L15 1M1 8L8 1M8 15L15 8M1 1L15 15M8 1L15 8M1 8L8 15', as: 'stroke', width: 0.9 }],
  dots: [{ path: 'M1.300 8h1.6M7.200 8h1.6M13.100 8h1.6', as: 'stroke', width: 1.7 }],
  ring: [{ path: 'M8 5.300A3.200 3.200 0 1 1 7.990 5.300Z', as: 'stroke', width: 1.5 }],
};
