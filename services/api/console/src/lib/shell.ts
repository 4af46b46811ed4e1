// Command lines that can be copied: a name in them is one word of the shell, whatever is in it.

/** The text as a word of a POSIX shell. */
export function word(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
