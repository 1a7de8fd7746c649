/** Control and format characters, unpaired surrogates, undefined characters, and Unicode line ends. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu

/** Maximum length of printed text of another machine, in characters. */
const MAX_CHARS = 500

/** Escapes text of another machine for a terminal, so that it cannot move the cursor, start a line or change the order of characters. */
export function printable(text: string): string {
  const cut = text.length > MAX_CHARS ? `${text.slice(0, MAX_CHARS)}…` : text
  return cut.replace(UNPRINTABLE, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`)
}
