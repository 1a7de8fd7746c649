import { CONTROL_CHARACTER } from "../control-characters.ts"
import { OnwardError } from "../errors.ts"
import { isPattern } from "../topic.ts"
import type { RunOwner } from "./options.ts"

/** A run's topic in the log. */
export interface RunTopic {
  readonly id: string
  /**
   * The topic `stream.<prefix><scope>/<id>`. It begins with `stream.`, so `hub.publish` and `hub.subscribe` refuse it. It contains the
   * owner, so the ids of one owner are independent of those of another.
   */
  readonly topic: string
}

/** Converts between ids of runs and topics with a prefix. */
export interface RunTopics {
  /** @throws OnwardError `run_unknown` for an invalid id; TypeError for an owner that is not text */
  of(id: string, who: RunOwner): RunTopic
  /** The run of a topic; undefined for other topics. */
  named(topic: string): RunTopic | undefined
}

/** Maximum length of id, owner and prefix, in UTF-16 units. The log stores them with each record, as part of the topic. */
const MAX_ID = 512
const MAX_OWNER = 256
const MAX_PREFIX = 128

/** Whether a value can be the id of a run. */
export const isRunId = (id: unknown): id is string =>
  typeof id === "string" &&
  id !== "" &&
  id.length <= MAX_ID &&
  !CONTROL_CHARACTER.test(id) &&
  id.isWellFormed() &&
  !isPattern(id)

export const unknown = (): OnwardError =>
  new OnwardError("run_unknown", "There is no run with this id and owner. Check both, or start it.")

/** @throws TypeError for a prefix that cannot be part of a topic */
export function createRunTopics(prefix: string): RunTopics {
  const isText = typeof prefix === "string" && prefix.length <= MAX_PREFIX && prefix.isWellFormed()
  if (!isText || CONTROL_CHARACTER.test(prefix) || isPattern(prefix)) {
    throw new TypeError(
      `createRuns: \`prefix\` is invalid: ${JSON.stringify(prefix)}. Pass a line of at most ${MAX_PREFIX} characters without \`*\`.`,
    )
  }
  const start = `stream.${prefix}`
  return {
    of(id, { owner }) {
      const scope = scopeOf(owner)
      if (!isRunId(id)) throw unknown()
      return { id, topic: `${start}${scope}/${id}` }
    },
    named(topic) {
      if (!topic.startsWith(start)) return undefined
      const slash = topic.indexOf("/", start.length)
      const scope = topic.slice(start.length, slash)
      const isScope = slash > 0 && (scope === NO_OWNER || scope.startsWith("="))
      return isScope ? { id: topic.slice(slash + 1), topic } : undefined
    },
  }
}

/** The scope of runs without an owner. That of an owner begins with `=`. */
const NO_OWNER = "-"

/** The path segment of an owner. Different owners, and runs without an owner, have different segments. */
function scopeOf(owner: string | undefined): string {
  if (owner === undefined) return NO_OWNER
  if (typeof owner !== "string" || owner.length > MAX_OWNER || !owner.isWellFormed()) {
    const what = typeof owner === "string" ? `text of ${owner.length} characters` : `a ${typeof owner}`
    throw new TypeError(
      `The owner of a run is ${what}. Pass well-formed text of at most ${MAX_OWNER} characters, such as a user id.`,
    )
  }
  return `=${encodeURIComponent(owner).replaceAll("*", "%2A")}`
}
