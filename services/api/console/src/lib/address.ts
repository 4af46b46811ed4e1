// The addresses of the console and what a place in it is. Pure: text in, values out, and back again.
//
// All that a colleague should see is in the address, all that is personal is in storage. Paths are relative to the base
// of the document, because the console may be served under any path prefix.

export type Place =
  | { screen: 'now' }
  | { screen: 'jobs' }
  | { screen: 'job'; id: string }
  | { screen: 'jobByName'; group: string; name: string }
  | { screen: 'run'; id: string }
  | { screen: 'missing'; path: string };

export type Screen = Place['screen'];

/** The place that a path below the base names. A trailing slash changes nothing. */
export function placeOf(path: string): Place {
  const parts = path.split('/').filter((part) => part !== '');
  const [first, ...rest] = parts.map(decoded);
  if (first === undefined || (first === 'index.html' && rest.length === 0)) return { screen: 'now' };
  if (first === 'jobs') {
    const [second, group, name, more] = rest;
    if (second === undefined) return { screen: 'jobs' };
    if (second === 'by-name' && group !== undefined && name !== undefined && more === undefined) {
      return { screen: 'jobByName', group, name };
    }
    if (group === undefined) return { screen: 'job', id: second };
  }
  if (first === 'runs' && rest.length === 1 && rest[0] !== undefined) return { screen: 'run', id: rest[0] };
  return { screen: 'missing', path };
}

/** The path of a place, below the base and without a leading slash. */
export function pathOf(place: Place): string {
  switch (place.screen) {
    case 'now':
      return './';
    case 'jobs':
      return 'jobs';
    case 'job':
      return `jobs/${encodeURIComponent(place.id)}`;
    case 'jobByName':
      return `jobs/by-name/${encodeURIComponent(place.group)}/${encodeURIComponent(place.name)}`;
    case 'run':
      return `runs/${encodeURIComponent(place.id)}`;
    case 'missing':
      return place.path;
  }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // a stray per-cent sign: it names nothing, and must not stop the page
  }
}

/** One member of the search part: how it is read and written. `read` gets all values of the name, in order. */
export interface Field<T> {
  readonly initial: T;
  read(values: readonly string[]): T;
  write(value: T): readonly string[];
}

export type Fields = Readonly<Record<string, Field<unknown>>>;
export type StateOf<F extends Fields> = { [K in keyof F]: F[K] extends Field<infer T> ? T : never };

export const text = (initial = ''): Field<string> => ({
  initial,
  read: (values) => values[0] ?? initial,
  write: (value) => (value === initial ? [] : [value]),
});

export const optional: Field<string | null> = {
  initial: null,
  read: (values) => values[0] ?? null,
  write: (value) => (value === null ? [] : [value]),
};

export const list: Field<readonly string[]> = {
  initial: [],
  read: (values) => [...values],
  write: (value) => [...value],
};

export const flag: Field<boolean> = {
  initial: false,
  read: (values) => values[0] === 'true',
  write: (value) => (value ? ['true'] : []),
};

export function oneOf<const T extends string>(words: readonly T[], initial: T): Field<T> {
  return {
    initial,
    read: (values) => words.find((word) => word === values[0]) ?? initial,
    write: (value) => (value === initial ? [] : [value]),
  };
}

export function whole(initial: number, least: number, most: number): Field<number> {
  return {
    initial,
    read: (values) => {
      const value = Number(values[0]);
      return values[0] !== undefined && Number.isInteger(value) && value >= least && value <= most ? value : initial;
    },
    write: (value) => (value === initial ? [] : [String(value)]),
  };
}

/** A moment, in milliseconds since 1970; written as RFC 3339 in UTC. */
export const moment: Field<number | null> = {
  initial: null,
  read: (values) => {
    const value = values[0] === undefined ? NaN : Date.parse(values[0]);
    return Number.isFinite(value) ? value : null;
  },
  write: (value) => (value === null ? [] : [new Date(value).toISOString()]),
};

/** Read the state of a screen. What is not understood takes its initial value: a bad link still opens. */
export function readSearch<F extends Fields>(fields: F, search: string): StateOf<F> {
  const given = new URLSearchParams(search);
  const read = Object.entries(fields).map(([name, field]) => [name, field.read(given.getAll(name))]);
  return Object.fromEntries(read) as StateOf<F>;
}

/** Write the state of a screen, with a leading `?` or empty. Names of others in `search` stay as they are. */
export function writeSearch<F extends Fields>(fields: F, state: StateOf<F>, search = ''): string {
  const others = [...new URLSearchParams(search)].filter(([name]) => !Object.hasOwn(fields, name));
  const ours = Object.entries(fields).flatMap(([name, field]) =>
    field.write(state[name as keyof F]).map((value): [string, string] => [name, value]),
  );
  const written = new URLSearchParams([...ours, ...others]).toString();
  return written === '' ? '' : `?${written}`;
}
