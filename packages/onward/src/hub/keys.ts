import { OnwardError } from "../errors.ts"
import type { Limits } from "./limits.ts"

/** The streams and patterns of one key. */
interface Use {
  streams: number
  /** How many of the streams have each pattern. */
  readonly patterns: Map<string, number>
}

/** Counts the streams and patterns of each key, so that one user or address cannot use up the limits of all. */
export class Keys {
  readonly #limits: Limits
  readonly #uses = new Map<string, Use>()

  constructor(limits: Limits) {
    this.#limits = limits
  }

  /** Throws when one more stream with these patterns exceeds a limit of its key. */
  admit(key: string, patterns: readonly string[]): void {
    const { connectionsPerKey, patternsPerKey } = this.#limits
    const use = this.#uses.get(key)
    if ((use?.streams ?? 0) >= connectionsPerKey) throw connectionLimit(connectionsPerKey)
    const fresh = patterns.filter((pattern) => !use?.patterns.has(pattern))
    if (fresh.length > 0 && (use?.patterns.size ?? 0) + fresh.length > patternsPerKey) {
      throw patternLimit(patternsPerKey)
    }
  }

  enter(key: string, patterns: readonly string[]): void {
    const use = this.#uses.get(key) ?? { streams: 0, patterns: new Map() }
    this.#uses.set(key, use)
    use.streams++
    for (const pattern of patterns) use.patterns.set(pattern, (use.patterns.get(pattern) ?? 0) + 1)
  }

  leave(key: string, patterns: readonly string[]): void {
    const use = this.#uses.get(key)
    if (!use) return
    for (const pattern of patterns) {
      const left = (use.patterns.get(pattern) ?? 1) - 1
      if (left > 0) use.patterns.set(pattern, left)
      else use.patterns.delete(pattern)
    }
    if (--use.streams === 0) this.#uses.delete(key)
  }
}

const connectionLimit = (limit: number): OnwardError =>
  new OnwardError(
    "too_many_connections_for_key",
    `This key has reached its connection limit (limits.connectionsPerKey = ${limit}). Close a stream or raise the limit.`,
  )

const patternLimit = (limit: number): OnwardError =>
  new OnwardError(
    "too_many_patterns_for_key",
    `This key has reached its pattern limit (limits.patternsPerKey = ${limit}). Close a stream or raise the limit.`,
  )
