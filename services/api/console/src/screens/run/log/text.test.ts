import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contrast, rgbOf, themeOf } from '../../../lib/palette';
import { COLORS, gapOf, hitsIn, piecesOf, plain, plainJson } from './text';

const texts = (line: string, query = ''): string[] => piecesOf(line, query).map((piece) => piece.text);

describe('a line', () => {
  it('keeps every character that is no escape, whatever it holds', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'B', ' ', '\x1b[31m', '\x1b[0m', '<b>', 'http://x.y/z', '\x1b', '[', '9', '😀', 'ß', 'İ') });
    fc.assert(
      fc.property(letters, fc.constantFrom('', 'a', 'b<', 'http', 'ß'), (line, query) => {
        const shown = piecesOf(line, query).filter((piece) => !piece.odd);
        expect(shown.map((piece) => piece.text).join('')).toBe(plain(line));
      }),
    );
  });

  it('has the colours of a terminal, and no blinking', () => {
    expect(piecesOf('a \x1b[1;31mred\x1b[0m \x1b[5;38;5;46mgreen\x1b[39m')).toMatchObject([
      { text: 'a ', classes: '' },
      { text: 'red', classes: 'c-red bold' },
      { text: ' ', classes: '' },
      { text: 'green', classes: 'c-green' },
    ]);
    expect(piecesOf('\x1b[38;2;250;200;10mx\x1b[48;5;21my')).toMatchObject([{ classes: 'c-yellow' }, { classes: 'c-yellow b-blue' }]);
  });

  it('leaves out what moves a terminal, and links that hide their address', () => {
    expect(texts('\x1b[2K\x1b]8;;http://evil.example\x07docs\x1b]8;;\x07\x1b[?25l')).toEqual(['docs']);
  });

  it('names what deceives the eye', () => {
    expect(texts('a\u202eb\rc\x00')).toEqual(['a', 'U+202E', 'b', '␍', 'c', '␀']);
  });

  it('links addresses, whole, and nothing but pages', () => {
    const hrefs = (line: string): (string | null)[] => piecesOf(line).map((piece) => piece.href).filter((href) => href !== null);
    expect(hrefs('see (https://wiki.example.com/a_(b)?q=1#c), or http://x.org.')).toEqual([
      'https://wiki.example.com/a_(b)?q=1#c',
      'http://x.org',
    ]);
    expect(hrefs('javascript:alert(1) data:text/html,x ftp://x.org https:// https://bank.example@evil.example/')).toEqual([]);
  });

  it('marks what is searched for across colours, whatever its case', () => {
    expect(piecesOf('dis\x1b[31mK full\x1b[0m', 'disk')).toMatchObject([
      { text: 'dis', hit: true },
      { text: 'K', hit: true },
      { text: ' full', hit: false },
    ]);
    expect(hitsIn('aaaa', 'aa')).toHaveLength(2);
    expect(hitsIn('İx', 'x')).toEqual([{ from: 1, to: 2 }]);
  });
});

it('reads where lines are missing', () => {
  expect(gapOf('gap: 120 lines are missing here: a log keeps its beginning and its end')).toEqual({ lines: 120, reason: 'limit', final: true });
  expect(gapOf('gap: 1 line are missing here: they were written faster than they could be stored')?.reason).toBe('speed');
  expect(gapOf('gap so far: 7 lines')).toEqual({ lines: 7, reason: 'limit', final: false });
  expect(gapOf('gap: 120 lines')).toBeNull();
  expect(gapOf('gap in the data')).toBeNull();
});

describe.each(['light', 'dark'] as const)('in the %s theme', (theme) => {
  it('colours of a log can be read', () => {
    const tokens = themeOf(readFileSync(new URL('../../../styles/tokens.css', import.meta.url), 'utf8'), theme);
    const own = themeOf(readFileSync(new URL('./ansi.css', import.meta.url), 'utf8'), theme);
    for (const name of COLORS) {
      const color = own.get(`ansi-${name}`) ?? expect.fail(name);
      for (const ground of ['well', 'raised']) {
        expect(contrast(color, tokens.get(ground) ?? rgbOf('#000000')), `${name} on ${ground}`).toBeGreaterThanOrEqual(4.5);
      }
    }
  });
});

it('JSON is the same value without what deceives the eye', () => {
  const value = { '\u202ekey': ['a\u202eb\u2066', '日本 é', '\x9b31m', '<b>"\\'] };
  const shown = plainJson(JSON.stringify(value));
  expect(JSON.parse(shown)).toEqual(value);
  expect(shown).toContain('\\u202ekey');
  expect(shown).toContain('日本');
  expect(/[\u202e\u2066\x9b]/.test(shown)).toBe(false);
});
