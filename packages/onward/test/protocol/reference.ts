import type { ParsedEvent } from "../../src/protocol/index.ts"
import type { Outcome } from "./feed.ts"

/**
 * WHATWG HTML sections 9.2.5 and 9.2.6 in the order the standard tells them, a whole stream at once: slow, and plain enough
 * to be checked by reading.
 */
export function interpret(stream: Uint8Array): Outcome {
  const [events, ids, comments] = [[] as ParsedEvent[], [] as string[], [] as string[]]
  let [data, type, idBuffer, lastEventId] = ["", "", "", ""]
  let retry: number | undefined
  let idSet = false

  function dispatch(): void {
    lastEventId = idBuffer
    if (idSet) ids.push(idBuffer)
    idSet = false
    if (data !== "") events.push({ event: type === "" ? "message" : type, data: data.slice(0, -1), id: lastEventId })
    data = type = ""
  }

  function field(name: string, value: string): void {
    if (name === "event") type = value
    else if (name === "data") data += `${value}\n`
    else if (name === "id" && !value.includes("\0")) {
      idBuffer = value
      idSet = true
    } else if (name === "retry" && /^[0-9]+$/.test(value)) retry = Math.min(Number(value), Number.MAX_SAFE_INTEGER)
  }

  // "UTF-8 decode" drops one byte order mark; what follows the last line end is no line.
  const lines = new TextDecoder().decode(stream).split(/\r\n|\r|\n/)
  for (const line of lines.slice(0, -1)) {
    const colon = line.indexOf(":")
    const value = line.slice(colon + 1).replace(/^ /, "")
    if (line === "") dispatch()
    else if (colon === 0) comments.push(value)
    else if (colon === -1) field(line, "")
    else field(line.slice(0, colon), value)
  }
  return { events, ids, comments, retry, lastEventId }
}

/**
 * The smallest `maxEventBytes` a stream gets through with when comments are listened to: the most that the data so far and a line
 * being read came to. Lines that mean nothing weigh nothing, nor does a line of five bytes or less that is no data.
 */
export function weigh(stream: Uint8Array): number {
  let [data, most] = [0, 1]
  const lines = new TextDecoder().decode(stream).split(/\r\n|\r|\n/)
  for (const [i, line] of lines.entries()) {
    const bytes = Buffer.byteLength(line)
    const isHeld = bytes >= 6 && /^(?:data|event|id|retry)?:/.test(line)
    const isEmptyData = (line === "data" || line === "data:") && i < lines.length - 1
    if (isHeld || isEmptyData) most = Math.max(most, data + bytes)
    if (line === "") data = 0
    if (/^data(?::|$)/.test(line)) data += Buffer.byteLength(line.slice(5).replace(/^ /, "")) + 1
  }
  return most
}

/** In UTF-16 units: the longest data of a block with its line ends, and the most that it and a line being read came to. */
export function measure(stream: Uint8Array): { readonly data: number; readonly most: number } {
  let [block, data, most] = [0, 0, 0]
  const lines = new TextDecoder().decode(stream).split(/\r\n|\r|\n/)
  for (const [i, line] of lines.entries()) {
    most = Math.max(most, block + line.length)
    if (line === "") block = 0
    if (i < lines.length - 1 && /^data(?::|$)/.test(line)) block += line.slice(5).replace(/^ /, "").length + 1
    data = Math.max(data, block)
  }
  return { data, most: Math.max(data, most) }
}
