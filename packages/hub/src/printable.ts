/**
 * Control and format characters, unpaired surrogates, undefined characters, and Unicode line ends. Not the joiners of emoji and of several
 * scripts, which only change how their neighbours look.
 */
const UNPRINTABLE = /(?![\u200c\u200d])[\p{C}\p{Zl}\p{Zp}]/gu

/** Maximum length of printed text of another machine, in characters. */
const MAX_CHARS = 500

/** Escapes text of another machine for a terminal, so that it cannot move the cursor, start a line or change the order of characters. */
export function printable(text: string): string {
  return escapeControls(text.length > MAX_CHARS ? `${text.slice(0, MAX_CHARS)}…` : text)
}

/** Like {@link printable}, for text of any length. Characters for which `isKept` returns true stay. */
export const escapeControls = (text: string, isKept: (char: string) => boolean = () => false): string =>
  text.replace(UNPRINTABLE, (char) => (isKept(char) ? char : `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`))

/** JSON on one line. It is safe in a terminal, and means the same to a parser. */
export const printableJson = (value: unknown): string =>
  JSON.stringify(value).replace(UNPRINTABLE, (char) =>
    char
      .split("")
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
      .join(""),
  )
