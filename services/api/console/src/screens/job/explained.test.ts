import { describe, expect, it } from 'vitest';
import { REASONS } from '../../messages/job';
import type { Explained } from '../../lib/types';
import { fateOf, noteOf, restOf, titleOf } from './explained';

const told = (more: Partial<Explained>): Explained => ({
  instant: '2026-11-29T02:00:00.000Z',
  fate: 'fired',
  reason: 'schedule',
  runId: null,
  policy: null,
  position: null,
  text: '',
  before: null,
  after: null,
  backfills: [],
  ...more,
});
const titled = (more: Partial<Explained>): string => titleOf(told(more), fateOf(told(more)));

describe('the title of an explanation', () => {
  it('says each reason in words, never as the API writes it', () => {
    for (const reason of ['misfire', 'window', 'overflow', 'overlap', 'edited', 'disabled', 'deleted']) {
      expect(titled({ fate: 'skipped', reason })).toBe(`Skipped: ${REASONS[reason] ?? 'no words'}`);
      expect(titled({ fate: 'skipped', reason })).toMatch(/: .+ .+/);
    }
    for (const reason of ['misfire', 'overlap']) expect(titled({ fate: 'coalesced', reason })).toMatch(/^Merged into another run: .+ /);
  });
  it('is not said again by the text', () => {
    expect(restOf(told({ fate: 'skipped', text: 'Skipped: it was 2 h late.' }))).toBe('It was 2 h late.');
    expect(restOf(told({ text: 'Fired on time. Run a-b was requested.' }))).toBe('Fired on time. Run a-b was requested.');
  });
  it('leaves a reason of a newer API to the text', () => {
    expect(titled({ fate: 'skipped', reason: 'moonPhase' })).toBe('Skipped');
  });
  it('tells a hole from what is not decided yet', () => {
    expect(titled({ fate: 'pending', reason: 'hole' })).toBe('Missing');
    expect(titled({ fate: 'pending', reason: 'undecided' })).toBe('Undecided');
    expect(titled({ fate: 'pending', reason: 'future' })).toBe('To come');
  });
  it('says of one that fired how its run is', () => {
    expect(titleOf(told({}), fateOf(told({}), 'queued'))).toBe('Fired: waiting');
    expect(noteOf(told({}), 'failed')).toBe('failed');
    expect(noteOf(told({ fate: 'skipped', reason: 'overlap' }), 'skipped')).toMatch(/^skipped: /);
    expect(titled({ fate: 'notDue', reason: 'minute' })).toBe('Not due');
  });
});
