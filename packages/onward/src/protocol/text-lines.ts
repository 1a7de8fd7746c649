import type { Block } from "./block.ts"
import { SMALL_TEXT } from "./cut.ts"
import { decode, indexOf } from "./native.ts"

// Its own, as in block.ts.
const LF = 0x0a
const SPACE = 0x20
const COLON = 0x3a
const A = 0x61
const D = 0x64
const T = 0x74

/** Gives each line in `bytes[start, end)`, which ends in a line end, to `block`; stops when a handler made the block stop. */
export function readBytes(block: Block, bytes: Uint8Array, start: number, end: number): void {
  readDecoded(block, decode(bytes, start, end), bytes, start, end)
}

/** The same when they are decoded already; without the bytes when it was done in parts. */
export function readDecoded(
  block: Block,
  text: string,
  bytes: Uint8Array | undefined,
  start: number,
  end: number,
): void {
  const { length } = text
  block.width = length === end - start ? 1 : 3
  const isMostlyAscii = end - start < 1.25 * length
  if (bytes !== undefined && isMostlyAscii && length <= SMALL_TEXT && text.indexOf("\r") === -1) {
    readLf(block, text, bytes, start)
  } else readMixed(block, text)
}

/**
 * Lines that end in LF, and are short. What a line is, is seen in the bytes: a character of a string costs several times as much
 * to look at. `offset` is how far the bytes are ahead of the text. The first branch is nearly every event there is: one data
 * line and a blank one.
 */
function readLf(block: Block, text: string, bytes: Uint8Array, start: number): void {
  const { length } = text
  let at = 0
  let offset = start
  let events = 0
  while (at < length) {
    if (isData(bytes, offset + at)) {
      const from = bytes[offset + at + 5] === SPACE ? at + 6 : at + 5
      const lf = text.indexOf("\n", from)
      const value = text.slice(from, lf)
      if (bytes[offset + lf] !== LF) offset = findLf(bytes, offset + lf) - lf
      at = lf + 1
      if (at < length && bytes[offset + at] === LF && block.fresh) {
        at++
        events++
        block.emit("message", value)
      } else block.addData(value)
    } else if (bytes[offset + at] === LF) {
      at++
      block.end()
    } else {
      const lf = text.indexOf("\n", at)
      block.field(text, at, lf)
      if (bytes[offset + lf] !== LF) offset = findLf(bytes, offset + lf) - lf
      at = lf + 1
    }
    if (block.stopped) return
  }
  block.events += events
}

const isData = (bytes: Uint8Array, at: number): boolean =>
  bytes[at] === D && bytes[at + 4] === COLON && bytes[at + 1] === A && bytes[at + 2] === T && bytes[at + 3] === A

/** First LF at or after `from`; most often but a few bytes away, as far as the characters before it were not ASCII. */
function findLf(bytes: Uint8Array, from: number): number {
  let at = from
  while (at < from + 16 && bytes[at] !== LF) at++
  return bytes[at] === LF ? at : indexOf(bytes, LF, at)
}

/** Lines of which some end in CR. Each search is kept until it is used up: a lone CR far away is found once, not once a line. */
function readMixed(block: Block, text: string): void {
  let at = 0
  let cr = find(text, "\r", 0)
  let lf = find(text, "\n", 0)
  while (at < text.length) {
    const stop = cr < lf ? cr : lf
    if (stop === at) block.end()
    else block.line(text, at, stop)
    if (block.stopped) return
    at = stop + 1
    if (stop === cr) {
      if (lf === at) lf = find(text, "\n", ++at)
      cr = find(text, "\r", at)
    } else lf = find(text, "\n", at)
  }
}

/**
 * First place of `what` at or after `from`, else the length. Not -1: V8's optimizing compiler moves a search that has failed, and
 * so is only ever compared, into the loop that compares it, where it runs once a line.
 */
function find(text: string, what: string, from: number): number {
  const at = text.indexOf(what, from)
  return at === -1 ? text.length : at
}
