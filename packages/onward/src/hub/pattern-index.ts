import { OnwardError } from "../errors.ts"
import type { Audience } from "./audience.ts"
import { outerName } from "./filing.ts"
import type { Limits } from "./limits.ts"
import { PrefixTree } from "./prefix-tree.ts"
import type { Normalize, Selector } from "./selector.ts"

/** All audiences with one pattern or matcher. */
export interface PatternGroup {
  readonly selector: Selector
  readonly audiences: Set<Audience>
}

/** What a pattern takes in memory besides its text, in bytes, about: its group, its node in the tree, and its compiled form. */
const PATTERN_BYTES = 1_200
/** A character of a pattern is in its key, in its literals and in the tree. */
const CHAR_BYTES = 4

/** Most topics whose groups are remembered, and most characters of their names together. */
const CACHED_TOPICS = 10_000
const CACHED_CHARS = 4_000_000
/** Most new groups that a remembered topic is compared with; beyond that, the tree is asked. */
const MAX_FRESH = 64

/** The groups that a topic had when `seen` groups had been added in all. */
interface Remembered {
  groups: PatternGroup[]
  seen: number
}

/** The patterns and matchers in use, indexed by the literal beginning of the topics that they match. */
export class PatternIndex {
  readonly #limits: Pick<Limits, "patterns" | "patternBytes">
  readonly #groups = new Map<string, PatternGroup>()
  readonly #trees = new Map<Normalize, PrefixTree<PatternGroup>>()
  #bytes = 0
  readonly #remembered = new Map<string, Remembered>()
  #rememberedChars = 0
  /** The newest groups, the last of them number `#added`. */
  #fresh: PatternGroup[] = []
  #added = 0
  /** Removed groups that remembered topics may still hold. */
  #removed = 0

  constructor(limits: Pick<Limits, "patterns" | "patternBytes">) {
    this.#limits = limits
  }

  get size(): number {
    return this.#groups.size
  }

  /** Throws when there is no room for the selectors that are not in use yet. */
  admit(selectors: readonly Selector[]): void {
    const fresh = selectors.filter(({ key }) => !this.#groups.has(key))
    if (fresh.length === 0) return
    const { patterns, patternBytes } = this.#limits
    if (fresh.reduce((sum, selector) => sum + bytesOf(selector), this.#bytes) > patternBytes) {
      throw limitReached(`limits.patternBytes = ${patternBytes}`)
    }
    const groups = fresh.map((selector) => ({ selector, audiences: new Set<Audience>() }))
    for (const group of groups) this.#plant(group)
    let heaviest = 0
    for (const tree of this.#trees.values()) heaviest += tree.heaviest
    for (const group of groups) this.#uproot(group)
    if (heaviest > patterns) throw limitReached(`limits.patterns = ${patterns}`)
  }

  enter(selector: Selector, audience: Audience): void {
    let group = this.#groups.get(selector.key)
    if (!group) {
      group = { selector, audiences: new Set() }
      this.#groups.set(selector.key, group)
      this.#bytes += bytesOf(selector)
      this.#plant(group)
      this.#added++
      this.#fresh.push(group)
      if (this.#fresh.length > MAX_FRESH * 2) this.#fresh = this.#fresh.slice(-MAX_FRESH)
    }
    group.audiences.add(audience)
  }

  leave(selector: Selector, audience: Audience): void {
    const group = this.#groups.get(selector.key)
    group?.audiences.delete(audience)
    if (!group || group.audiences.size > 0) return
    this.#groups.delete(selector.key)
    this.#bytes -= bytesOf(group.selector)
    this.#uproot(group)
    if (this.size === 0 || ++this.#removed > CACHED_TOPICS + this.size) this.#forgetAll()
  }

  /** The groups that match a topic, named as the hub names it. Those without audiences are no longer in use. */
  matching(topic: string): readonly PatternGroup[] {
    if (this.size === 0) return []
    const known = this.#remembered.get(topic)
    const missing = known ? this.#added - known.seen : Infinity
    if (missing === 0) return (known as Remembered).groups
    const name = outerName(topic)
    if (name === undefined) return []
    const groups = known && missing <= MAX_FRESH ? this.#complete(known, name, missing) : this.#find(name)
    this.#remember(topic, groups)
    return groups
  }

  #complete({ groups }: Remembered, name: string, missing: number): PatternGroup[] {
    const isUsed = ({ audiences }: PatternGroup): boolean => audiences.size > 0
    const fresh = this.#fresh.slice(-missing).filter((group) => isUsed(group) && group.selector.matches(name))
    return [...groups.filter(isUsed), ...fresh]
  }

  #find(name: string): PatternGroup[] {
    const groups: PatternGroup[] = []
    for (const [normalize, tree] of this.#trees) {
      const text = normalize(name)
      if (text === undefined) continue
      for (const group of tree.find(text)) if (group.selector.matches(name)) groups.push(group)
    }
    return groups
  }

  #remember(topic: string, groups: PatternGroup[]): void {
    if (!this.#remembered.delete(topic)) this.#rememberedChars += topic.length
    this.#remembered.set(topic, { groups, seen: this.#added })
    for (const [oldest] of this.#remembered) {
      if (this.#remembered.size <= CACHED_TOPICS && this.#rememberedChars <= CACHED_CHARS) return
      this.#remembered.delete(oldest)
      this.#rememberedChars -= oldest.length
    }
  }

  #forgetAll(): void {
    this.#remembered.clear()
    this.#rememberedChars = 0
    this.#removed = 0
    this.#fresh = []
  }

  #plant(group: PatternGroup): void {
    const { prefix, normalize } = group.selector
    const tree = this.#trees.get(normalize) ?? new PrefixTree()
    this.#trees.set(normalize, tree)
    tree.add(prefix, group)
  }

  #uproot(group: PatternGroup): void {
    const { prefix, normalize } = group.selector
    const tree = this.#trees.get(normalize)
    tree?.delete(prefix, group)
    if (tree?.isEmpty) this.#trees.delete(normalize)
  }
}

const bytesOf = ({ key, prefix }: Selector): number =>
  PATTERN_BYTES + CHAR_BYTES * (key.length + prefix.reduce((sum, { length }) => sum + length, 0))

const limitReached = (which: string): OnwardError =>
  new OnwardError("too_many_patterns", `Pattern limit reached (${which}). Retry later or raise the limit.`)
