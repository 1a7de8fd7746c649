/** Control and format characters, halves of surrogate pairs, what Unicode leaves undefined, and its line ends. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu

/** Longest text of another machine that is printed, in characters. */
const MAX_CHARS = 500

/** Text of another machine for a terminal: nothing in it can move the cursor, begin a line or change the order of what is shown. */
export function printable(text: string): string {
  const cut = text.length > MAX_CHARS ? `${text.slice(0, MAX_CHARS)}…` : text
  return cut.replace(UNPRINTABLE, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`)
}
