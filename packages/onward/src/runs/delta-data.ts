/** A frame as the log stores it: its data, or data and event. */
export type KeptFrame = string | readonly [data: string, event: string]

/** The content of a delta record. */
interface DeltaContent {
  readonly by: string
  readonly n: number
  readonly frames: readonly KeptFrame[]
}

/**
 * Encodes a delta: a line with `by`, `n`, and for each frame the length of its data and its event (`12` or `12:name`), then the data of all
 * frames. JSON would escape each quote of a frame that is JSON itself. There is a delta for almost every token, and its text is also what
 * replicas keep. Undefined for frames that not every store keeps unchanged; those are stored as JSON.
 */
export function encodeDelta({ by, n, frames }: DeltaContent): string | undefined {
  let head = `${by} ${n}`
  let all = ""
  for (const frame of frames) {
    const data = typeof frame === "string" ? frame : frame[0]
    head += typeof frame === "string" ? ` ${data.length}` : ` ${data.length}:${encodeURIComponent(frame[1])}`
    all += data
  }
  return all.isWellFormed() && !all.includes("\0") ? `${head}\n${all}` : undefined
}

/** Decodes what `encodeDelta` has returned; undefined for any other text. Called for almost every token, so it uses no patterns. */
export function decodeDelta(text: string): DeltaContent | undefined {
  const end = text.indexOf("\n")
  const space = text.indexOf(" ")
  if (space < 1 || end < space) return undefined
  let at = space + 1

  /** Reads digits; NaN without any. */
  function number(): number {
    const first = at
    let value = 0
    for (; at < end; at++) {
      const digit = text.charCodeAt(at) - ZERO
      if (digit < 0 || digit > 9) break
      value = value * 10 + digit
    }
    return at === first ? NaN : value
  }

  const n = number()
  const frames: KeptFrame[] = []
  let from = end + 1
  while (at < end) {
    if (text.charCodeAt(at++) !== SPACE) return undefined
    const data = text.slice(from, (from += number()))
    if (text.charCodeAt(at) !== COLON) frames.push(data)
    else {
      const next = text.indexOf(" ", at)
      const event = text.slice(at + 1, next < 0 || next > end ? end : next)
      at += event.length + 1
      frames.push([data, event.includes("%") ? decodeURIComponent(event) : event])
    }
  }
  return Number.isSafeInteger(n) && from === text.length ? { by: text.slice(0, space), n, frames } : undefined
}

const ZERO = 0x30
const SPACE = 0x20
const COLON = 0x3a
