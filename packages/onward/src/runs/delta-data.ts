/** A frame as the log stores it: its data, or data and event. */
export type KeptFrame = string | readonly [data: string, event: string]

/** A delta record. */
export interface DeltaRecord {
  readonly type: "delta"
  readonly by: string
  readonly n: number
  readonly frames: readonly KeptFrame[]
}

/**
 * Encodes a delta: a line with `by`, `n`, and for each frame the length of its data and its event (`12` or `12:name`), then the data of all
 * frames. JSON would escape each quote of a frame that is JSON itself. There is a delta for almost every token, and its text is also what
 * replicas keep. Undefined for frames that not every store keeps unchanged; those are stored as JSON.
 */
export function encodeDelta({ by, n, frames }: DeltaRecord): string | undefined {
  let head = `${by} ${n}`
  let all = ""
  for (const frame of frames) {
    if (typeof frame === "string") {
      head += ` ${frame.length}`
      all += frame
      continue
    }
    const [data, event] = frame
    if (!event.isWellFormed()) return undefined
    head += ` ${data.length}:${encodeURIComponent(event)}`
    all += data
  }
  return all.isWellFormed() && !all.includes("\0") ? `${head}\n${all}` : undefined
}

/** Decodes what `encodeDelta` has returned; undefined for any other text. Called for almost every token, so it uses no patterns. */
export function decodeDelta(text: string): DeltaRecord | undefined {
  const end = text.indexOf("\n")
  const space = text.indexOf(" ")
  if (space < 1 || end < space) return undefined
  let at = endOfDigits(text, space + 1)
  const n = numberIn(text, space + 1, at)
  let frames: KeptFrame[] = []
  let from = end + 1
  while (at < end) {
    if (text.charCodeAt(at++) !== SPACE) return undefined
    const digits = at
    at = endOfDigits(text, digits)
    let frame: KeptFrame = text.slice(from, (from += numberIn(text, digits, at)))
    if (text.charCodeAt(at) === COLON) {
      const next = text.indexOf(" ", at)
      const event = text.slice(at + 1, next < 0 || next > end ? end : next)
      at += event.length + 1
      frame = [frame, event.includes("%") ? decodeURIComponent(event) : event]
    }
    // almost always the only one, and the first `push` to an empty list makes room for 17
    if (frames.length === 0) frames = [frame]
    else frames.push(frame)
  }
  return Number.isSafeInteger(n) && from === text.length
    ? { type: "delta", by: text.slice(0, space), n, frames }
    : undefined
}

function endOfDigits(text: string, from: number): number {
  let at = from
  while (isDigit(text.charCodeAt(at))) at++
  return at
}

const isDigit = (code: number): boolean => code >= ZERO && code <= ZERO + 9

/** NaN without digits. */
function numberIn(text: string, from: number, to: number): number {
  if (from === to) return NaN
  let value = 0
  for (let at = from; at < to; at++) value = value * 10 + text.charCodeAt(at) - ZERO
  return value
}

const ZERO = 0x30
const SPACE = 0x20
const COLON = 0x3a
