import type { SubscribeOptions } from "../../src/hub/index.ts"
import type { Chance } from "./simulation/chance.ts"

/** A selector as plain data. */
export type Rule = { readonly is: string } | { readonly startsWith: string } | { readonly pattern: "*" | "b/:n" | "a*" }

export interface Update {
  readonly topics: readonly string[]
  readonly isPrivate: boolean
  readonly data: string
}

export interface Wish {
  readonly rules: readonly Rule[]
  readonly may: readonly Rule[] | undefined
}

/** Topics of every kind: ordinary, with wildcards, of Onward's own names, too long for a log. */
export const TOPICS: readonly string[] = [
  ...["a", "ab", "b/1", "b/2", "https://e.com/1", "https://e.com/:id", "x*y", "/:x", "stream.presence", "stream.*many"],
  "long".repeat(600),
]

/** Whether a rule selects a topic. Written independently of the hub. */
function fits(rule: Rule, topic: string): boolean {
  if ("is" in rule) return rule.is === topic
  if ("startsWith" in rule) return topic.startsWith(rule.startsWith)
  if (topic.startsWith("stream.")) return false
  return { "*": /./, "b/:n": /^b\/[^/]+$/, "a*": /^a/ }[rule.pattern].test(topic)
}

/** Whether a subscriber must receive an update. */
export const isFor = ({ topics, isPrivate }: Update, { rules, may = [] }: Wish): boolean =>
  topics.some((topic) => rules.some((rule) => fits(rule, topic))) &&
  (!isPrivate || topics.some((topic) => may.some((rule) => fits(rule, topic))))

const matcherOf = (rule: Rule) => {
  if ("is" in rule) return { topic: rule.is }
  const [prefix, key] = "startsWith" in rule ? [rule.startsWith, rule.startsWith] : ["", rule.pattern]
  return { key: `rule ${key}`, prefix, matches: (topic: string) => fits(rule, topic) }
}

/** The subscription of a wish. Ordinary names and patterns are given now as Onward's own, now as matchers. */
export function optionsOf({ rules, may }: Wish, chance: Chance): SubscribeOptions {
  const topics: string[] = []
  const patterns: string[] = []
  const matchers = rules.flatMap((rule) => {
    const isOwn = chance.percent(50)
    if ("pattern" in rule && isOwn) patterns.push(rule.pattern)
    else if ("is" in rule && TOPICS.indexOf(rule.is) < 5 && isOwn) topics.push(rule.is)
    else return [matcherOf(rule)]
    return []
  })
  return { topics, patterns, matchers, ...(may && { may: may.map(matcherOf) }) }
}

export function randomUpdate(chance: Chance, data: string): Update {
  const count = chance.pick([1, 1, 1, 2, 3])
  const topics = [...new Set(Array.from({ length: count }, () => chance.pick(TOPICS)))]
  return { topics, isPrivate: chance.percent(40), data }
}

const randomRule = (chance: Chance): Rule =>
  chance.pick<() => Rule>([
    () => ({ is: chance.pick(TOPICS) }),
    () => ({ is: chance.pick(TOPICS) }),
    () => ({ startsWith: chance.pick(["", "a", "b/", "https://e.com/", "stream.", "long"]) }),
    () => ({ pattern: chance.pick(["*", "b/:n", "a*"] as const) }),
  ])()

export const randomWish = (chance: Chance): Wish => ({
  rules: Array.from({ length: 1 + chance.below(3) }, () => randomRule(chance)),
  may: chance.percent(40) ? undefined : Array.from({ length: chance.below(3) }, () => randomRule(chance)),
})
