// Names of what the tabs of a browser share. They carry the path prefix: other applications, or another Waterclock, may
// live on the same origin.

/** The path prefix of an installation by its API root: `''`, or `/clock`. */
export function prefixOf(root: URL): string {
  return root.pathname.replace(/\/v1\/monitor\/$/, '');
}

export function nameIn(prefix: string, what: string): string {
  return `waterclock:${prefix}:${what}`;
}

/** Storage that never throws: it may be switched off, full, or absent. */
export class Kept {
  readonly #storage: Storage | null;
  readonly #prefix: string;

  constructor(storage: () => Storage, prefix: string) {
    this.#prefix = prefix;
    try {
      this.#storage = storage();
    } catch {
      this.#storage = null;
    }
  }

  get(name: string): string | null {
    try {
      return this.#storage?.getItem(nameIn(this.#prefix, name)) ?? null;
    } catch {
      return null;
    }
  }

  set(name: string, value: string | null): void {
    try {
      if (value === null) this.#storage?.removeItem(nameIn(this.#prefix, name));
      else this.#storage?.setItem(nameIn(this.#prefix, name), value);
    } catch {
      // Full or forbidden: it holds for this page alone.
    }
  }
}
