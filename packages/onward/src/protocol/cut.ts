/** Text up to this length may be kept alive by any part of it; of longer text, only by a part of at least an eighth. */
export const SMALL_TEXT = 32_768

/**
 * `text.slice(start, end)` that keeps little alive. Engines make a slice point into its parent, so one kept id could hold
 * megabytes; a part that is small against its parent is therefore copied. The concatenation is what makes the copy: it has
 * to be laid out afresh before it can be sliced.
 */
export function cut(text: string, start: number, end: number): string {
  const part = text.slice(start, end)
  return text.length > SMALL_TEXT && part.length < text.length >>> 3 ? (" " + part).slice(1) : part
}
