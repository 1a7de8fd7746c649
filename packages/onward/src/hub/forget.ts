import { OnwardError } from "../errors.ts"
import { kindOf } from "../kind.ts"
import { parsePosition } from "../log/index.ts"
import type { Position } from "../message.ts"
import { checkKinds, checkNames } from "../options.ts"
import { checkAnyTopic, checkTopic } from "../topic.ts"
import { innerName, logTopicsOf } from "./filing.ts"
import type { Internals } from "./hub-context.ts"

/** The topic on which a process tells the others what was forgotten. No pattern matches it, and users cannot publish or subscribe to it. */
const FORGOTTEN_TOPIC = "stream.forgotten"

/** Which entries to remove; at most one of the two. */
export interface ForgetOptions {
  /** Up to the entry with this id, or up to this position, and including it. */
  readonly upTo?: string
  /** Entries that are older than this: a time in ms since 1970, or a `Date`. */
  readonly before?: number | Date
  /** Whether the topic may have any name that `publish` accepts with its option of this name. @default false */
  readonly anyTopic?: boolean
}

/** What a process tells the others. */
interface Forgotten {
  /** Absent for all topics. */
  readonly topics?: readonly string[]
  readonly upTo: Position
}

/** Removes entries of these topics, or of all, from the log and from the windows of all processes. `name` is the caller, for errors. */
export async function forget(
  internals: Internals,
  name: string,
  topics: readonly string[] | undefined,
  options: ForgetOptions,
): Promise<number> {
  const { log } = internals.context
  checkNames(name, options, ["upTo", "before", ...(topics ? ["anyTopic"] : [])])
  checkKinds(name, options, { anyTopic: "true or false" })
  for (const topic of topics ?? []) (options.anyTopic ? checkAnyTopic : checkTopic)(topic)
  if (!log.forget) {
    throw new OnwardError("log_unsupported", `This log cannot remove entries on request: it has no method \`forget\`.`)
  }
  const names = topics?.map(innerName)
  const logTopics = names?.flatMap((topic) => logTopicsOf(topic, true))
  const upTo = await positionOf(log, name, logTopics, options)
  const removed = await log.forget({ ...(logTopics && { topics: logTopics }), upTo })
  // last, so that a process that reads its window while it starts has either not read them, or is told
  const told: Forgotten = { ...(names && { topics: names }), upTo }
  await internals.append([{ topic: FORGOTTEN_TOPIC, data: JSON.stringify(told) }])
  return removed
}

async function positionOf(
  log: Internals["context"]["log"],
  name: string,
  topics: readonly string[] | undefined,
  { upTo, before }: ForgetOptions,
): Promise<Position> {
  if (upTo !== undefined && before !== undefined) throw new TypeError(`${name} takes \`upTo\` or \`before\`, not both.`)
  if (before !== undefined) {
    const since = before instanceof Date ? before.getTime() : before
    if (typeof since !== "number" || !Number.isFinite(since)) {
      throw new TypeError(`${name}: \`before\` must be a time in ms or a Date, not ${kindOf(before)}.`)
    }
    const position = await log.locate({ since })
    return position ?? (await log.bounds()).first
  }
  if (upTo === undefined) return (await log.bounds()).last
  if (typeof upTo !== "string") throw new TypeError(`${name}: \`upTo\` must be a string, not ${kindOf(upTo)}.`)
  const position = parsePosition(upTo) ? upTo : await log.locate({ id: upTo, ...(topics && { topics }) })
  if (position !== undefined) return position
  throw new OnwardError(
    "invalid_start",
    `The log keeps no entry with the id ${JSON.stringify(upTo)}${topics ? " on this topic" : ""}, so nothing was removed. Use a position.`,
  )
}

/** From now on the memory of this process forgets what any process tells that it has forgotten. */
export function followForgotten({
  context: { tailListeners, window, sharedAnswers },
}: Pick<Internals, "context">): void {
  const listener = {
    onEntry({ data }: { readonly data: string }): void {
      const told = readForgotten(data)
      if (!told) return
      window.forget(told.topics, told.upTo)
      sharedAnswers.forget()
    },
  }
  tailListeners.add(listener, FORGOTTEN_TOPIC)
}

/** Undefined for other data in the log. */
function readForgotten(data: string): Forgotten | undefined {
  try {
    const { topics, upTo } = JSON.parse(data) as Partial<Forgotten>
    const isWellFormed =
      topics === undefined || (Array.isArray(topics) && topics.every((name) => typeof name === "string"))
    return isWellFormed && typeof upTo === "string" ? { ...(topics && { topics }), upTo } : undefined
  } catch {
    return undefined
  }
}
