import type { Position } from "../../message.ts"

/** `epoch~`, the number of base-36 digits (one character), and the digits. Byte order is number order. */
const SYNTAX = /^([0-9a-z]{8})~([1-9ab])([0-9a-z]{1,11})$/

/** Returns the position of a sequence number in an epoch. `sequence` is a safe integer; 0 is before all entries. */
export function formatPosition(epoch: string, sequence: number): Position {
  const digits = sequence.toString(36)
  return `${epoch}~${digits.length.toString(36)}${digits}`
}

/** Parses a position. Undefined when `text` is not a position. Accepts untrusted input. */
export function parsePosition(text: string): { epoch: string; sequence: number } | undefined {
  const match = text.length <= 21 ? SYNTAX.exec(text) : null
  if (!match) return undefined
  const [, epoch = "", length = "", digits = ""] = match
  const sequence = Number.parseInt(digits, 36)
  if (Number.parseInt(length, 36) !== digits.length || !Number.isSafeInteger(sequence)) return undefined
  if (digits.length > 1 && digits.startsWith("0")) return undefined
  return { epoch, sequence }
}

/** Creates the name of an epoch: eight random base-36 characters. `random` returns numbers in [0, 1). */
export function createEpoch(random: () => number = Math.random): string {
  let epoch = ""
  while (epoch.length < 8) epoch += Math.floor(random() * 36).toString(36)
  return epoch
}

/** True when both positions belong to the same epoch, so they can be compared. */
export const inSameEpoch = (a: Position, b: Position): boolean => a.slice(0, 9) === b.slice(0, 9)
