import fc from 'fast-check';
import { expect, it } from 'vitest';
import { pieces } from './prose';

it('times and runs are cut out of a sentence', () => {
  expect(pieces('Run a-1.b was requested at 2026-11-30T02:00:00.000Z; it failed.', ['a-1.b'])).toEqual([
    { kind: 'text', text: 'Run ' },
    { kind: 'run', id: 'a-1.b' },
    { kind: 'text', text: ' was requested at ' },
    { kind: 'time', at: Date.parse('2026-11-30T02:00:00Z') },
    { kind: 'text', text: '; it failed.' },
  ]);
});

it('a time with an offset is a time, and one that is none stays text', () => {
  expect(pieces('2026-11-30T03:00:00+01:00')).toEqual([{ kind: 'time', at: Date.parse('2026-11-30T02:00:00Z') }]);
  expect(pieces('2026-99-30T03:00:00Z')).toEqual([{ kind: 'text', text: '2026-99-30T03:00:00Z' }]);
});

it('no text is lost', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const told = pieces(text).map((piece) => (piece.kind === 'text' ? piece.text : '?'));
      if (!/\d{4}-/.test(text)) expect(told.join('')).toBe(text);
    }),
  );
});
