import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { flag, list, moment, oneOf, optional, pathOf, placeOf, readSearch, text, whole, writeSearch } from './address';
import type { Place } from './address';

const named = fc.string({ unit: 'grapheme', minLength: 1 }).filter((name) => name !== 'by-name' && !/^\.{1,2}$/.test(name));
const places: fc.Arbitrary<Place> = fc.oneof(
  fc.constant<Place>({ screen: 'now' }),
  fc.constant<Place>({ screen: 'jobs' }),
  named.map((id): Place => ({ screen: 'job', id })),
  fc.tuple(named, named).map(([group, name]): Place => ({ screen: 'jobByName', group, name })),
  named.map((id): Place => ({ screen: 'run', id })),
);

const fields = {
  q: text(),
  label: list,
  run: optional,
  only: flag,
  sort: oneOf(['trouble', 'name'], 'trouble'),
  span: whole(30, 1, 400),
  at: moment,
};
const states = fc.record({
  q: fc.string(),
  label: fc.array(fc.string()),
  run: fc.option(fc.string()),
  only: fc.boolean(),
  sort: fc.constantFrom('trouble' as const, 'name' as const),
  span: fc.integer({ min: 1, max: 400 }),
  at: fc.option(fc.integer({ min: 0, max: 4e12 })),
});

describe('addresses', () => {
  it('name the same place when they are read again', () => {
    fc.assert(
      fc.property(places, (place) => {
        const { pathname } = new URL(pathOf(place), 'https://clock.example/a/console/');
        expect(placeOf(pathname.slice('/a/console/'.length))).toEqual(place);
      }),
    );
  });

  it('say what they do not know', () => {
    expect(placeOf('runs')).toEqual({ screen: 'missing', path: 'runs' });
    expect(placeOf('jobs/a/b')).toEqual({ screen: 'missing', path: 'jobs/a/b' });
    expect(placeOf('jobs/%E0%A4%A')).toEqual({ screen: 'job', id: '%E0%A4%A' });
    expect(placeOf('jobs/')).toEqual({ screen: 'jobs' });
  });
});

describe('the search part', () => {
  it('is the same state when it is read again', () => {
    fc.assert(
      fc.property(states, (state) => {
        expect(readSearch(fields, writeSearch(fields, state))).toEqual(state);
      }),
    );
  });

  it('keeps the names of others, and leaves out what is as at first', () => {
    const initial = readSearch(fields, '');
    expect(writeSearch(fields, initial)).toBe('');
    expect(writeSearch(fields, { ...initial, q: 'a b' }, '?zone=UTC&q=old')).toBe('?q=a+b&zone=UTC');
  });

  it('takes the initial value for what it does not understand', () => {
    expect(readSearch(fields, '?span=12.5&at=yesterday&sort=colour&only=1')).toEqual(readSearch(fields, ''));
  });
});
