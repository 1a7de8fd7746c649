import { OnwardError, type OnwardErrorCode } from "../../errors.ts"
import type { Entry, Position } from "../../message.ts"
import type { Log } from "../log.ts"
import { inSameEpoch, parsePosition } from "../driver/position.ts"

/** Fails unless `holds` is true. `rule` is the sentence that must be true. */
export function check(holds: boolean, rule: string): asserts holds {
  if (!holds) throw new Error(`rule broken: ${rule}`)
}

/** Fails unless both values are deeply equal. Undefined members count as absent, maps as sorted pairs. */
export function equal(actual: unknown, expected: unknown, rule: string): void {
  const [a, b] = [show(actual), show(expected)]
  if (a !== b) throw new Error(`rule broken: ${rule}\n  expected ${shorten(b)}\n  but got  ${shorten(a)}`)
}

/** Fails unless the call rejects with an `OnwardError` that has this code. */
export async function rejects(call: Promise<unknown>, code: OnwardErrorCode, rule: string): Promise<void> {
  let outcome: unknown
  try {
    outcome = { resolved: await call }
  } catch (error) {
    if (error instanceof OnwardError && error.code === code) return
    outcome = error
  }
  const text = outcome instanceof Error ? String(outcome) : show(outcome)
  throw new Error(`rule broken: ${rule}\n  expected a rejection with ${code}\n  but got  ${shorten(text)}`, {
    cause: outcome,
  })
}

/** Fails unless `positions` ascend, belong to one epoch, and are safe in a header, a query and a URL. */
export function checkPositions(positions: readonly Position[], rule: string): void {
  for (const [i, position] of positions.entries()) {
    check(parsePosition(position) !== undefined, `${position} has the syntax of a position`)
    check(encodeURIComponent(position) === position, `${position} is safe in a header, a query and a URL`)
    const before = positions[i - 1]
    if (before === undefined) continue
    check(inSameEpoch(before, position), `${position} belongs to the same epoch as ${before}`)
    check(before < position, `${rule} (${position} follows ${before})`)
  }
}

/** Reads all pages to the end of the log, and checks the rules of each page. */
export async function readAll(
  log: Log,
  { after, topics, limit = 100 }: { after?: Position; topics?: readonly string[]; limit?: number } = {},
): Promise<Entry[]> {
  const { first, last } = await log.bounds()
  const all: Entry[] = []
  let at = after ?? first
  for (;;) {
    const { entries, next } = await log.read({ after: at, limit, ...(topics && { topics }) })
    check(entries.length <= limit, `a page has at most ${limit} entries (it had ${entries.length})`)
    checkPositions([at, ...entries.map((entry) => entry.position)], "entries come after `after`, oldest first")
    check(next >= (entries.at(-1)?.position ?? at), "`next` is never before the last entry of the page")
    all.push(...entries)
    if (next === at) break
    at = next
  }
  check(at >= last, `reading on from \`next\` reaches the newest position (it stopped at ${at}, the newest is ${last})`)
  return all
}

/** Waits until `holds` returns true, at most `wakeTimeout` milliseconds. */
export async function eventually(holds: () => boolean, wakeTimeout: number, rule: string): Promise<void> {
  const deadline = Date.now() + wakeTimeout
  while (!holds()) {
    check(Date.now() < deadline, `${rule}, within ${wakeTimeout} ms`)
    await pause(5)
  }
}

export const pause = (delay: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, delay))

function show(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) => {
    if (member instanceof Set) return { set: [...(member as Set<unknown>)] }
    if (member instanceof Map) return { map: [...member].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)) }
    if (typeof member !== "object" || member === null || Array.isArray(member)) return member
    return Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
  })
}

const shorten = (text = "undefined"): string =>
  text.length > 2000 ? `${text.slice(0, 2000)}… (${text.length} characters)` : text
