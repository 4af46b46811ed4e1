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

export type Counted = ReadonlyMap<string, number>;

export interface Sifted {
  readonly fitting: readonly JobRow[];
  /** For each value of a name, how many jobs would fit with it alone chosen of that name. */
  readonly counts: Readonly<Record<Facet | 'health', Counted>>;
  readonly due: number;
}

interface Looked {
  readonly text: string;
  readonly labels: readonly string[];
}
const looked = new WeakMap<JobRow, Looked>();

function lookAt(row: JobRow): Looked {
  let known = looked.get(row);
  if (known === undefined) {
    const labels = Object.entries(row.labels).map(([key, value]) => `${key}=${value}`);
    known = { text: folded(`${row.text} ${row.queue}`), labels };
    looked.set(row, known);
  }
  return known;
}

export const isAsked = (question: Question): boolean =>
  question.q.trim() !== '' ||
  question.due ||
  question.health.length > 0 ||
  FACETS.some((facet) => question[facet].length > 0);

/** The values of a job under the name of a facet. */
function valuesOf(row: JobRow, facet: Facet): readonly string[] {
  if (facet === 'label') return lookAt(row).labels;
  return [row[facet]];
}

export function sifted(
  rows: readonly JobRow[],
  question: Question,
  standings: ReadonlyMap<string, Standing>,
): Sifted {
  const words = folded(question.q).split(/\s+/).filter((word) => word !== '');
  const chosen = FACETS.map((facet) => [facet, new Set(question[facet])] as const);
  const fitting: JobRow[] = [];
  const counts = { group: new Map(), queue: new Map(), executor: new Map(), label: new Map(), health: new Map() };
  let due = 0;

  const count = (name: Facet | 'health', values: Iterable<string>): void => {
    const map: Map<string, number> = counts[name];
    for (const value of values) map.set(value, (map.get(value) ?? 0) + 1);
  };

  for (const row of rows) {
    const standing = standings.get(row.id);
    if (standing === undefined || !words.every((word) => lookAt(row).text.includes(word))) continue;
    // What it does not fit. One that fails by a single name still counts for the other values of that name.
    let failed: Facet | 'health' | 'due' | null = null;
    let failures = 0;
    for (const [facet, set] of chosen) {
      if (set.size > 0 && !valuesOf(row, facet).some((value) => set.has(value))) {
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
    for (const facet of FACETS) {
      if (failures === 0 || failed === facet) count(facet, valuesOf(row, facet));
    }
    if (failures === 0 || failed === 'health') count('health', standing.states);
    if (standing.due && (failures === 0 || failed === 'due')) due += 1;
  }
  return { fitting, counts, due };
}
