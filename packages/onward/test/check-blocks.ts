/**
 * Throws for a blank line that ends a block without data. By the standard it dispatches nothing, but widely used clients deliver an empty
 * message for it, even when only comments come before the blank line. `text` may end anywhere.
 */
export function checkBlocks(text: string): void {
  let hasData = false
  let block = ""
  // what is behind the last line end is not a line yet
  for (const line of text.split("\n").slice(0, -1)) {
    block += `${line}\n`
    if (line.startsWith("data:")) hasData = true
    if (line !== "") continue
    if (!hasData) throw new Error(`a block without data was sent: ${JSON.stringify(block)}`)
    hasData = false
    block = ""
  }
}
