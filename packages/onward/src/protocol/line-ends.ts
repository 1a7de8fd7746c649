import { indexOf, lastIndexOf } from "./native.ts"

const LF = 0x0a
const CR = 0x0d

/** So far a line end is looked for byte by byte: less work than the calls it takes to have the platform look. */
const NEAR = 32

/** First place of CR or LF in `chunk[start, end)`, else `end`. */
export function findLineEnd(chunk: Uint8Array, start: number, end: number): number {
  const near = Math.min(end, start + NEAR)
  for (let at = start; at < near; at++) if (chunk[at] === LF || chunk[at] === CR) return at
  if (near === end) return end
  const lf = indexOf(chunk, LF, near)
  const stop = lf === -1 || lf > end ? end : lf
  const cr = indexOf(chunk.subarray(near, stop), CR, 0)
  return cr === -1 ? stop : near + cr
}

/** Last place of CR or LF at or after `start`, else -1. */
export function lastLineEnd(chunk: Uint8Array, start: number): number {
  const near = Math.max(start, chunk.length - NEAR)
  for (let at = chunk.length - 1; at >= near; at--) if (chunk[at] === LF || chunk[at] === CR) return at
  if (near === start) return -1
  const lf = lastIndexOf(chunk, LF)
  const from = Math.max(lf, start)
  const cr = lastIndexOf(chunk.subarray(from), CR)
  if (cr !== -1) return from + cr
  return lf < start ? -1 : lf
}

/** Where the line after the line end at `stop` begins: CRLF is one line end. */
export const nextLine = (chunk: Uint8Array, stop: number): number =>
  chunk[stop] === CR && chunk[stop + 1] === LF ? stop + 2 : stop + 1
