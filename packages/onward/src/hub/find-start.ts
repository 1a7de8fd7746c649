import type { Loss } from "../log/index.ts"
import { Audience, keyOf, type Selection } from "./audience.ts"
import type { HubContext } from "./hub-context.ts"
import { resolveStart, type ResolvedStart } from "./resolve-start.ts"
import type { StartPoint, UnknownId } from "./start-point.ts"

/** Where a stream will start. */
export interface FoundStart {
  readonly found: "live" | "earliest" | "known" | "trimmed" | "unknown" | "unavailable"
  /** Undefined when the start is found again as the stream begins. */
  readonly resolved?: ResolvedStart
}

export interface FindOptions {
  readonly unknownId: UnknownId
  /** How long to wait for the log, in ms. */
  readonly timeout: number
}

/** Finds where a stream will start, and whether its client has missed something. */
export async function findStart(
  context: HubContext,
  selection: Selection,
  start: StartPoint,
  { unknownId, timeout }: FindOptions,
): Promise<FoundStart> {
  if (start === "live") return { found: "live" }
  if (typeof start === "string" || !("after" in start)) return { found: "earliest" }
  const { clock, tail } = context
  const audience = new Audience(keyOf(selection), selection)
  const late = Promise.withResolvers<undefined>()
  let isOver = false
  const cancel = clock.after(timeout, () => {
    isOver = true
    late.resolve(undefined)
  })
  const find = async (): Promise<FoundStart> => {
    const resolved = await resolveStart(context, audience, start, {
      asked: tail.position,
      isOver: () => isOver,
      unknownId,
    })
    const found = resolved.isUnknown ? "unknown" : await lossAfter(context, audience, resolved.position)
    return { found, resolved }
  }
  const finding = tail.ready.then(() => context.retryUntil(find, () => isOver))
  const found = await Promise.race([finding, late.promise])
  cancel()
  return found ?? { found: "unavailable" }
}

async function lossAfter(
  { log, tail, turns, window }: HubContext,
  audience: Audience,
  position: string,
): Promise<"known" | "trimmed" | "unknown"> {
  if (window.covers(position)) return "known"
  const among = audience.hasPatterns ? {} : { topics: audience.logTopics(tail.hasMany) }
  const { lost } = await log.read({ after: position, limit: 1, ...among })
  if (lost?.reason === "unknown") return "unknown"
  if (lost?.reason === "epoch") return "trimmed"
  for (const logTopic of topicsOf(lost)) {
    if (turns.isOver) await turns.next()
    if (audience.concerns(logTopic)) return "trimmed"
  }
  return "known"
}

const topicsOf = (lost: Loss | undefined): Iterable<string> => (lost ? (lost.topics?.keys() ?? ["*"]) : [])
