// Lines with what differs in every run masked: times, ids, numbers. Two lines with the same mask say the same.

const MASKS: readonly (readonly [RegExp, string])[] = [
  [/\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?(?:Z\b|[+-]\d\d:?\d\d))?)?/g, '‹time›'],
  [/\b\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?\b/g, '‹time›'],
  [/\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b/gi, '‹id›'],
  [/\b0x[0-9a-f]+\b/gi, '‹id›'],
  // Ids of runs and jobs, digests, and words of letters and digits mixed: 8 and more characters with both.
  [/\b(?=[0-9a-z]*\d)(?=[0-9a-z]*[a-z])[0-9a-z]{8,}(?:-[0-9a-z]+)?\b/gi, '‹id›'],
  [/[-+]?(?<![\w.])\d+(?:[.,]\d+)*(?:e[-+]?\d+)?/gi, '‹n›'],
  [/\d+/g, '‹n›'],
];

/** The line as it would be in any run. Doing it twice changes nothing. */
export function masked(text: string): string {
  let line = text.trimEnd();
  for (const [pattern, name] of MASKS) line = line.replace(pattern, name);
  return line.replace(/[ \t]+/g, ' ');
}
