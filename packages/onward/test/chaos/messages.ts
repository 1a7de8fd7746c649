import type { SubscribeOptions } from "../../src/hub/index.ts"
import { Chance } from "../hub/simulation/chance.ts"

export const TOPICS: readonly string[] = [
  "prices",
  "alerts",
  ...Array.from({ length: 4 }, (_, i) => `news/${i}`),
  ...Array.from({ length: 10 }, (_, i) => `users/${i}`),
]

const SELECTIONS: readonly SubscribeOptions[] = [
  { topics: ["prices"] },
  { topics: ["alerts", "news/0", "users/3"] },
  { topics: ["users/1"], patterns: ["news/*"] },
  { topics: TOPICS.slice(4, 9) },
  { patterns: ["news/:number"] },
  { patterns: ["users/:id"], topics: ["alerts"] },
  { topics: ["prices", "users/7"] },
  { patterns: ["news/:number", "users/:id"] },
]

/** What a subscriber asks for; every twentieth wants everything. */
export const selectionOf = (subscriber: number): SubscribeOptions =>
  subscriber % 20 === 0 ? { patterns: ["*"] } : (SELECTIONS[subscriber % SELECTIONS.length] as SubscribeOptions)

/** The data of a message: its name, then padding that follows from it, so that whoever reads it can tell whether it is whole. */
export function dataOf(name: string): string {
  let hash = 7
  for (const letter of name) hash = (Math.imul(hash, 31) + letter.charCodeAt(0)) >>> 0
  const chance = new Chance(hash)
  const size = chance.percent(3) ? 4_000 : chance.below(120)
  return `${name} ${"größe 文字 ".repeat(Math.ceil(size / 9))}${hash}`
}

/** The name of the message with this data; undefined when the data is not whole. */
export function nameOf(data: string): string | undefined {
  const name = data.slice(0, data.indexOf(" "))
  return dataOf(name) === data ? name : undefined
}
