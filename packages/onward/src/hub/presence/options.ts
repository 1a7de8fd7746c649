import { kindOf } from "../../kind.ts"
import { checkNames, durationOf } from "../../options.ts"
import { compilePattern, type Matcher } from "../../topic.ts"

export interface PresenceOptions {
  /** Patterns of the topics to count. @default ["*"], all */
  readonly patterns?: readonly string[]
  /**
   * How long a stream or user still counts after it has disconnected, in ms, so that a page reload or a deploy is not reported as leaving
   * and joining. For reloads that reach another process, use at least 2 * `interval`. 0 reports each disconnect at once. @default 3_000
   */
  readonly grace?: number
  /**
   * How often this process reports changes to the others, in ms. Without changes it reports every five intervals. Use the same value in all
   * processes. @default 1_000
   */
  readonly interval?: number
  /** Topics and users together that this process reports to others. It counts the rest only for itself. @default 10_000 */
  readonly maxReported?: number
}

/** The options of presence, checked, with defaults. */
export interface PresenceSettings {
  readonly isCounted: Matcher
  readonly grace: number
  readonly interval: number
  readonly maxReported: number
}

/** Undefined when presence is disabled. Throws `TypeError` for an unknown name or an invalid value. */
export function resolvePresence(options: PresenceOptions | boolean | undefined): PresenceSettings | undefined {
  if (options === undefined || options === false) return undefined
  const given = options === true ? {} : options
  checkNames("createHub's presence", given, ["patterns", "grace", "interval", "maxReported"])
  const { patterns = ["*"], grace = 3_000, maxReported = 10_000 } = given
  if (!Array.isArray(patterns)) {
    throw new TypeError(`createHub: \`presence.patterns\` must be an array of strings, not ${kindOf(patterns)}.`)
  }
  for (const [name, value] of Object.entries({ grace, maxReported })) {
    if (typeof value === "number" && value >= 0) continue
    throw new TypeError(`createHub: \`presence.${name}\` must be a number, 0 or more, not ${kindOf(value)}.`)
  }
  const matchers = patterns.map(compilePattern)
  return {
    isCounted: (topic) => matchers.some((matches) => matches(topic)),
    grace,
    interval: durationOf("presence.interval", given.interval, 1_000),
    maxReported,
  }
}
