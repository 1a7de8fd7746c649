import { afterColon, type Block, FEW, isData } from "./block.ts"
import { cut } from "./cut.ts"

const LF = 0x0a

/** Gives each line of `text`, which ends in a line end, to `block`; stops when a handler made the block stop. */
export function readText(block: Block, text: string): void {
  if (text.indexOf("\r") === -1) readLf(block, text)
  else readMixed(block, text)
}

/** Lines that end in LF. The first branch is nearly every event there is: one data line and a blank one. */
function readLf(block: Block, text: string): void {
  const { length } = text
  let at = 0
  while (at < length) {
    const lf = text.indexOf("\n", at)
    if (isData(text, at)) {
      const value = cut(text, afterColon(text, at + 4), lf)
      at = lf + 1
      if (text.charCodeAt(at) === LF && block.fresh) {
        at++
        block.emit("message", value)
      } else at = readData(block, text, at, value)
    } else {
      if (lf === at) block.end()
      else block.field(text, at, lf)
      at = lf + 1
    }
    if (block.stopped) return
  }
}

/** Joins the data lines that follow the first one, up to some, and ends the block if a blank line is next. Returns where it got to. */
function readData(block: Block, text: string, start: number, first: string): number {
  let at = start
  let value = first
  let lines = 1
  for (; lines < FEW && isData(text, at); lines++) {
    const lf = text.indexOf("\n", at)
    value = value + "\n" + cut(text, afterColon(text, at + 4), lf)
    at = lf + 1
  }
  if (text.charCodeAt(at) !== LF || block.dataLines > 0) {
    block.addData(value, lines)
    return at
  }
  block.dispatch(value)
  return at + 1
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
