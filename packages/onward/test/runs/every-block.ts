import assert from "node:assert/strict"

/** A message as the strictest clients get it. */
export interface Block {
  readonly id?: string
  readonly event?: string
  readonly data: string
}

/**
 * Reads an event stream as clients do that are less forgiving than the standard: OpenAI's Python SDK, httpx-sse and
 * `@microsoft/fetch-event-source` hand on a message at every blank line, with empty data if there was none, and then fail to read it as
 * JSON. Fails for such a block. Comment lines are skipped; what comes after the last blank line is not handed on.
 */
export function everyBlock(text: string): Block[] {
  const blocks: Block[] = []
  let fields = new Map<string, string>()
  for (const line of text.split(/\r\n|\n|\r/).slice(0, -1)) {
    if (line === "") {
      const data = fields.get("data")
      assert.ok(data !== undefined && data !== "", `a block without data: ${JSON.stringify([...fields])}`)
      const [id, event] = [fields.get("id"), fields.get("event")]
      blocks.push({ data, ...(id !== undefined && { id }), ...(event !== undefined && { event }) })
      fields = new Map()
    } else if (!line.startsWith(":")) {
      const colon = line.indexOf(":")
      const name = colon < 0 ? line : line.slice(0, colon)
      const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "")
      const before = fields.get(name)
      fields.set(name, name === "data" && before !== undefined ? `${before}\n${value}` : value)
    }
  }
  return blocks
}
