// A line of a log as it is drawn: pieces with their look. Pure.
//
// Colours are those of the SGR escapes that terminals know (no blinking); every other escape is left out. What could
// deceive the eye (control characters, marks that turn the direction of text) is shown by its name.

export const COLORS = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'] as const;
export type Color = (typeof COLORS)[number];

export interface Look {
  readonly color: Color | null;
  readonly back: Color | null;
  readonly bold: boolean;
  readonly dim: boolean;
  readonly italic: boolean;
  readonly underline: boolean;
  readonly strike: boolean;
  readonly inverse: boolean;
}

const PLAIN: Look = {
  color: null,
  back: null,
  bold: false,
  dim: false,
  italic: false,
  underline: false,
  strike: false,
  inverse: false,
};

export interface Piece {
  readonly text: string;
  readonly classes: string; // of its look, empty for plain text
  readonly href: string | null;
  readonly hit: boolean; // it is what is searched for
  readonly odd: boolean; // the name of a character that has no picture
}

// CSI sequences; OSC, DCS, PM, APC and SOS strings up to their end; other two-character escapes. The 8-bit forms, too.
// eslint-disable-next-line no-control-regex
const ESCAPE = /(?:\x1b\[|\x9b)([0-?]*)[ -/]*([@-~])|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|$)|\x1b[ -/]*[0-~]?/g;

// Control characters but tab; soft hyphen and what turns, joins or hides text; lone surrogates.
// eslint-disable-next-line no-control-regex
const ODD = /[\x00-\x08\x0a-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;
const ODDS = new RegExp(ODD.source, 'g');

/** JSON in which what could deceive the eye is written by its number: it is the same value. */
export const plainJson = (json: string): string =>
  json.replace(/[\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** The line as one reads and searches it: without escapes. */
export function plain(text: string): string {
  return text.includes('\x1b') || /[\x80-\x9f]/.test(text) ? text.replace(ESCAPE, '') : text;
}

/** Cut a line into pieces; `query` is marked where it stands, whatever its case. */
export function piecesOf(text: string, query = ''): Piece[] {
  const spans = spansOf(text);
  const whole = spans.map((span) => span.text).join('');
  const cuts = new Set<number>();
  const links = linksIn(whole);
  const hits = hitsIn(whole, query);
  for (const { from, to } of [...links, ...hits]) cuts.add(from).add(to);
  const pieces: Piece[] = [];
  let at = 0;
  for (const span of spans) {
    const end = at + span.text.length;
    const edges = [at, ...[...cuts].filter((cut) => cut > at && cut < end).sort((a, b) => a - b), end];
    for (let n = 0; n + 1 < edges.length; n += 1) {
      const [from = 0, to = 0] = [edges[n], edges[n + 1]];
      const link = links.find((one) => one.from <= from && to <= one.to);
      const hit = hits.some((one) => one.from <= from && to <= one.to);
      named(whole.slice(from, to), { classes: classesOf(span.look), href: link?.href ?? null, hit }, pieces);
    }
    at = end;
  }
  return pieces;
}

/** Append a text, with the names of odd characters as pieces of their own. */
function named(text: string, like: Omit<Piece, 'text' | 'odd'>, pieces: Piece[]): void {
  if (!ODD.test(text)) {
    if (text !== '') pieces.push({ text, odd: false, ...like });
    return;
  }
  let from = 0;
  for (const found of text.matchAll(ODDS)) {
    if (found.index > from) pieces.push({ text: text.slice(from, found.index), odd: false, ...like });
    pieces.push({ text: nameOf(found[0]), odd: true, ...like });
    from = found.index + 1;
  }
  if (from < text.length) pieces.push({ text: text.slice(from), odd: false, ...like });
}

function nameOf(character: string): string {
  const code = character.charCodeAt(0);
  if (code < 0x20) return String.fromCharCode(0x2400 + code); // ␀, ␍, …
  return `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
}

function spansOf(text: string): { text: string; look: Look }[] {
  if (!text.includes('\x1b') && !/[\x80-\x9f]/.test(text)) return [{ text, look: PLAIN }];
  const spans: { text: string; look: Look }[] = [];
  let look = PLAIN;
  let from = 0;
  for (const found of text.matchAll(ESCAPE)) {
    if (found.index > from) spans.push({ text: text.slice(from, found.index), look });
    if (found[2] === 'm') look = turned(look, found[1] ?? '');
    from = found.index + found[0].length;
  }
  if (from < text.length) spans.push({ text: text.slice(from), look });
  return spans;
}

function turned(before: Look, given: string): Look {
  const numbers = given.split(/[;:]/).map((part) => (part === '' ? 0 : Number(part)));
  let look = before;
  for (let n = 0; n < numbers.length; n += 1) {
    const code = numbers[n] ?? 0;
    if (code === 38 || code === 48) {
      const color = numbers[n + 1] === 5 ? ofTable(numbers[n + 2] ?? 0) : nearest(numbers[n + 2], numbers[n + 3], numbers[n + 4]);
      n += numbers[n + 1] === 5 ? 2 : 4;
      look = code === 38 ? { ...look, color } : { ...look, back: color };
    } else look = coded(look, code);
  }
  return look;
}

function coded(look: Look, code: number): Look {
  if (code === 0) return PLAIN;
  if (code === 1) return { ...look, bold: true };
  if (code === 2) return { ...look, dim: true };
  if (code === 3) return { ...look, italic: true };
  if (code === 4 || code === 21) return { ...look, underline: true };
  if (code === 7) return { ...look, inverse: true };
  if (code === 9) return { ...look, strike: true };
  if (code === 22) return { ...look, bold: false, dim: false };
  if (code === 23) return { ...look, italic: false };
  if (code === 24) return { ...look, underline: false };
  if (code === 27) return { ...look, inverse: false };
  if (code === 29) return { ...look, strike: false };
  if (code === 39) return { ...look, color: null };
  if (code === 49) return { ...look, back: null };
  const within = (first: number): Color | undefined => (code >= first && code < first + 8 ? COLORS[code - first] : undefined);
  const color = within(30) ?? within(90);
  if (color !== undefined) return { ...look, color };
  const back = within(40) ?? within(100);
  return back === undefined ? look : { ...look, back };
}

/** The 256 colours: the sixteen, a cube of six steps each way, and greys. */
function ofTable(index: number): Color {
  if (index < 16) return COLORS[index % 8] ?? 'white';
  if (index >= 232) return index < 244 ? 'black' : 'white';
  const cube = index - 16;
  const step = (value: number): number => (value === 0 ? 0 : 55 + 40 * value);
  return nearest(step(Math.floor(cube / 36)), step(Math.floor(cube / 6) % 6), step(cube % 6));
}

function nearest(red = 0, green = 0, blue = 0): Color {
  const high = Math.max(red, green, blue);
  const low = Math.min(red, green, blue);
  if (high - low < 40) return high < 110 ? 'black' : 'white';
  const middle = (high + low) / 2;
  const bits = (red > middle ? 1 : 0) + (green > middle ? 2 : 0) + (blue > middle ? 4 : 0);
  return COLORS[bits] ?? 'white';
}

function classesOf(look: Look): string {
  if (look === PLAIN) return '';
  const { color, back } = look;
  const told = [color === null ? '' : `c-${color}`, back === null ? '' : `b-${back}`];
  for (const name of ['bold', 'dim', 'italic', 'underline', 'strike', 'inverse'] as const) if (look[name]) told.push(name);
  return told.filter((one) => one !== '').join(' ');
}

interface Range {
  readonly from: number;
  readonly to: number;
}

// Only what a browser opens as a page; the address is shown whole, so nothing hides behind other words.
const LINK = /\bhttps?:\/\/[^\s<>"'`\\^{}|]+/gi;
const LONGEST_LINK = 2000;

function linksIn(text: string): (Range & { href: string })[] {
  if (!/https?:[/]{2}/i.test(text)) return [];
  return [...text.matchAll(LINK)].flatMap((found) => {
    const address = trimmed(found[0]);
    if (address.length > LONGEST_LINK || ODD.test(address) || !URL.canParse(address)) return [];
    const { protocol, host, username, password } = new URL(address);
    if ((protocol !== 'http:' && protocol !== 'https:') || host === '' || username !== '' || password !== '') return [];
    return [{ from: found.index, to: found.index + address.length, href: address }];
  });
}

/** Without the punctuation of the sentence that it stands in. */
function trimmed(address: string): string {
  let end = address.length;
  for (;;) {
    const last = address[end - 1];
    if (last === undefined) break;
    const open = last === ')' ? '(' : last === ']' ? '[' : null;
    if (open !== null) {
      const inside = address.slice(0, end);
      if (inside.split(open).length >= inside.split(last).length) break;
    } else if (!'.,;:!?*…'.includes(last)) break;
    end -= 1;
  }
  return address.slice(0, end);
}

/** Where a text stands in another, whatever its case; at most 1 000 places. */
export function hitsIn(text: string, query: string): Range[] {
  if (query === '') return [];
  const low = lowered(text);
  const wanted = lowered(query);
  const hits: Range[] = [];
  for (let at = low.indexOf(wanted); at !== -1 && hits.length < 1000; at = low.indexOf(wanted, at + wanted.length)) {
    hits.push({ from: at, to: at + wanted.length });
  }
  return hits;
}

/** Small letters; characters whose small form is longer stay, so that places are the same in both. */
export function lowered(text: string): string {
  const low = text.toLowerCase();
  return low.length === text.length ? low : Array.from(text, (one) => (one.toLowerCase().length === one.length ? one.toLowerCase() : one)).join('');
}

// What a worker writes where lines of a log are missing (waterclock.kit.text.log_gaps).
const GAP = /^gap( so far)?: (\d{1,15}) lines?(?: are missing here: (.*))?$/;
const SPEED = 'they were written faster than they could be stored';

export interface GapLine {
  readonly lines: number;
  readonly reason: 'limit' | 'speed';
  readonly final: boolean;
}

/** What such a line says; null: it is another one. */
export function gapOf(text: string): GapLine | null {
  if (!text.startsWith('gap')) return null;
  const found = GAP.exec(text);
  if (found === null || (found[1] === undefined) === (found[3] === undefined)) return null;
  return { lines: Number(found[2]), reason: found[3] === SPEED ? 'speed' : 'limit', final: found[1] === undefined };
}
