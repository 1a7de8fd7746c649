import { kindOf } from "../../kind.ts"
import { checkNames, durationOf } from "../../options.ts"
import { compilePattern, type Matcher } from "../../topic.ts"

export interface PresenceOptions {
  /** Patterns of the topics to count. @default ["*"], all */
  readonly patterns?: readonly string[]
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
  readonly interval: number
  readonly maxReported: number
}

/** Undefined when presence is disabled. Throws `TypeError` for an unknown name or an invalid value. */
export function resolvePresence(options: PresenceOptions | boolean | undefined): PresenceSettings | undefined {
  if (options === undefined || options === false) return undefined
  const given = options === true ? {} : options
  checkNames("createHub's presence", given, ["patterns", "interval", "maxReported"])
  const { patterns = ["*"], maxReported = 10_000 } = given
  if (!Array.isArray(patterns)) {
    throw new TypeError(`createHub: \`presence.patterns\` must be an array of strings, not ${kindOf(patterns)}.`)
  }
  if (typeof maxReported !== "number" || !(maxReported >= 0)) {
    throw new TypeError(`createHub: \`presence.maxReported\` must be a number, 0 or more, not ${kindOf(maxReported)}.`)
  }
  const matchers = patterns.map(compilePattern)
  return {
    isCounted: (topic) => matchers.some((matches) => matches(topic)),
    interval: durationOf("presence.interval", given.interval, 1_000),
    maxReported,
  }
}
