import type { Position } from "../../message.ts"

/** `epoch~` + number of base-36 digits (one character) + digits, so that byte order is number order. */
const SYNTAX = /^([0-9a-z]{8})~([1-9ab])([0-9a-z]{1,11})$/

/** Writes the position of sequence number `sequence` (a safe integer, 0 is before everything) in the life `epoch` of a log. */
export function formatPosition(epoch: string, sequence: number): Position {
  const digits = sequence.toString(36)
  return `${epoch}~${digits.length.toString(36)}${digits}`
}

/** Reads a position; undefined when `text` is not written as one. Hostile input is fine. */
export function parsePosition(text: string): { epoch: string; sequence: number } | undefined {
  const match = text.length <= 21 ? SYNTAX.exec(text) : null
  if (!match) return undefined
  const [, epoch = "", length = "", digits = ""] = match
  const sequence = Number.parseInt(digits, 36)
  if (Number.parseInt(length, 36) !== digits.length || !Number.isSafeInteger(sequence)) return undefined
  if (digits.length > 1 && digits.startsWith("0")) return undefined
  return { epoch, sequence }
}

/** A name for one life of a log: eight base-36 characters. `random` gives numbers in [0, 1). */
export function createEpoch(random: () => number = Math.random): string {
  let epoch = ""
  while (epoch.length < 8) epoch += Math.floor(random() * 36).toString(36)
  return epoch
}

/** True when both positions are of the same life of a log, so that comparing them means something. */
export const inSameEpoch = (a: Position, b: Position): boolean => a.slice(0, 9) === b.slice(0, 9)
