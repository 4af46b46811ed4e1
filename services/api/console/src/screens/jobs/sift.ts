// Which jobs of the index fit what is asked for, and how many would fit each other choice: one pass over all of them.

import { folded } from '../../lib/jobs';
import type { JobRow } from '../../lib/jobs';
import type { Standing, State } from './standing';

/** What is asked for: any of the values of each name, all of the names, and every word of `q`. */
export interface Question {
  readonly q: string;
  readonly group: readonly string[];
  readonly queue: readonly string[];
  readonly executor: readonly string[];
  readonly label: readonly string[]; // key=value
  readonly health: readonly State[];
  readonly due: boolean;
}

export const FACETS = ['group', 'queue', 'executor', 'label'] as const;
export type Facet = (typeof FACETS)[number];
type Single = Exclude<Facet, 'label'>; // of which a job has one value
const SINGLES: readonly Single[] = ['group', 'queue', 'executor'];

export type Counted = ReadonlyMap<string, number>;

export interface Sifted {
  readonly fitting: readonly JobRow[];
  /** For each value of a name, how many jobs would fit with it alone chosen of that name. */
  readonly counts: Readonly<Record<Facet | 'health', Counted>>;
  readonly due: number;
}

export const isAsked = (question: Question): boolean =>
  question.q.trim() !== '' ||
  question.due ||
  question.health.length > 0 ||
  FACETS.some((facet) => question[facet].length > 0);

const has = (row: JobRow, facet: Facet, set: ReadonlySet<string>): boolean =>
  facet === 'label' ? row.labels.some((label) => set.has(label)) : set.has(row[facet]);

function count(map: Map<string, number>, value: string): void {
  map.set(value, (map.get(value) ?? 0) + 1);
}

export function sifted(
  rows: readonly JobRow[],
  question: Question,
  standings: ReadonlyMap<string, Standing>,
): Sifted {
  const words = folded(question.q).split(/\s+/).filter((word) => word !== '');
  const chosen = FACETS.filter((facet) => question[facet].length > 0).map((facet) => [facet, new Set(question[facet])] as const);
  const fitting: JobRow[] = [];
  const made = (): Map<string, number> => new Map();
  const counts = { group: made(), queue: made(), executor: made(), label: made(), health: made() };
  let due = 0;

  for (const row of rows) {
    if (!words.every((word) => row.text.includes(word))) continue;
    const standing = standings.get(row.id);
    if (standing === undefined) continue;
    // What it does not fit. One that fails by a single name still counts for the other values of that name.
    let failed: Facet | 'health' | 'due' | null = null;
    let failures = 0;
    for (const [facet, set] of chosen) {
      if (!has(row, facet, set)) {
        failed = facet;
        failures += 1;
      }
    }
    if (question.health.length > 0 && !question.health.some((state) => standing.states.has(state))) {
      failed = 'health';
      failures += 1;
    }
    if (question.due && !standing.due) {
      failed = 'due';
      failures += 1;
    }
    if (failures > 1) continue;
    if (failures === 0) fitting.push(row);
    for (const facet of SINGLES) if (failed === null || failed === facet) count(counts[facet], row[facet]);
    if (failed === null || failed === 'label') for (const label of row.labels) count(counts.label, label);
    if (failed === null || failed === 'health') for (const state of standing.states) count(counts.health, state);
    if (standing.due && (failed === null || failed === 'due')) due += 1;
  }
  return { fitting, counts, due };
}
