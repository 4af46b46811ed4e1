// Sentences of the API with what can be shown better than as text: times in the reader's zone, runs as links.

export type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'time'; readonly at: number }
  | { readonly kind: 'run'; readonly id: string };

const TIME = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)`;

/** Cut a sentence at its times, and at the ids of runs that are known to be in it. */
export function pieces(text: string, runs: readonly string[] = []): Piece[] {
  const ids = runs.map((id) => id.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const pattern = new RegExp(`(${[TIME, ...ids].join('|')})`);
  return text
    .split(pattern)
    .map((piece, n): Piece => {
      if (n % 2 === 0) return { kind: 'text', text: piece };
      if (runs.includes(piece)) return { kind: 'run', id: piece };
      const at = Date.parse(piece);
      return Number.isNaN(at) ? { kind: 'text', text: piece } : { kind: 'time', at };
    })
    .filter((piece) => piece.kind !== 'text' || piece.text !== '');
}
