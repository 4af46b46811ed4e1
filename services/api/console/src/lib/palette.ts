// Colours as numbers: contrast by WCAG 2, distance as the eye sees it, and as it sees it with a colour blindness.

export type Rgb = readonly [number, number, number]; // 0 to 255

export function rgbOf(hex: string): Rgb {
  const value = Number.parseInt(hex.slice(1, 7), 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}

const linear = (channel: number): number => {
  const value = channel / 255;
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
};

function luminance(color: Rgb): number {
  const [red, green, blue] = color;
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
}

/** From 1 to 21. */
export function contrast(one: Rgb, other: Rgb): number {
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

/** Distance in Oklab, times 100: about 2 can just be told apart side by side. */
export function distance(one: Rgb, other: Rgb): number {
  const [a, b] = [oklab(one), oklab(other)];
  return 100 * Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

function oklab(color: Rgb): Rgb {
  const [r, g, b] = color.map(linear) as [number, number, number];
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

export type Blindness = 'protanopia' | 'deuteranopia' | 'tritanopia';

// Machado, Oliveira, Fernandes 2009, severity 1.0.
const MATRICES: Readonly<Record<Blindness, readonly [Rgb, Rgb, Rgb]>> = {
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

/** The colour as it is seen with a colour blindness. */
export function seenWith(blindness: Blindness, color: Rgb): Rgb {
  const channels = color.map(linear) as [number, number, number];
  return MATRICES[blindness].map((row) => {
    const value = Math.min(1, Math.max(0, row[0] * channels[0] + row[1] * channels[1] + row[2] * channels[2]));
    return 255 * (value <= 0.0031308 ? 12.92 * value : 1.055 * value ** (1 / 2.4) - 0.055);
  }) as unknown as Rgb;
}

/** The colours of a theme, as the style sheet has them: `--name: light-dark(#light, #dark)`. */
export function themeOf(sheet: string, theme: 'light' | 'dark'): ReadonlyMap<string, Rgb> {
  const found = sheet.matchAll(/--([a-z-]+):\s*light-dark\((#[0-9a-f]{6})\b[^,]*,\s*(#[0-9a-f]{6})\b/g);
  return new Map([...found].map(([, name = '', light = '', dark = '']) => [name, rgbOf(theme === 'light' ? light : dark)]));
}
