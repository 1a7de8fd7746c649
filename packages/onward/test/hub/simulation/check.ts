import { compilePattern } from "../../../src/topic.ts"
import { parsePosition } from "../../../src/log/index.ts"
import type { Announced, Client } from "./client.ts"
import { lifeOf, type Fact } from "./store.ts"

/** Throws when what a client saw differs from what was stored, beyond what it was told it missed. */
export function checkClient(client: Client, facts: readonly Fact[], kept: ReadonlySet<string>): void {
  const places = new Map(facts.map((fact, i) => [fact.data, i]))
  const seen = client.received.map(({ data }) => places.get(data))
  for (const [i, place] of seen.entries()) {
    if (place === undefined) throw new Error(`received ${client.received[i]?.data}, which was never stored`)
    const before = seen[i - 1]
    // a client without a cursor starts anew and may see what it saw before
    if (client.beginnings.some(({ at }) => at === i)) continue
    // nor is it known what a client has seen whose cursor is not known
    if (client.announced.some(({ reason, after }) => reason === "unknown" && after === i)) continue
    if (before !== undefined && place <= before) throw new Error(`received entry ${place} after entry ${before}`)
  }
  const matches = matcher(client)
  const missing: number[] = []
  for (const [b, { at, known, start }] of client.beginnings.entries()) {
    const isLast = b === client.beginnings.length - 1
    const end = client.beginnings[b + 1]?.at ?? seen.length
    const stretch = seen.slice(at, end) as number[]
    const got = new Set(stretch)
    // of what was stored before it began, what is still kept is owed if it was asked for: all, or from the first entry it got
    const first = stretch[0] ?? Infinity
    const until = isLast && !client.hasEnded ? facts.length - 1 : (stretch.at(-1) ?? -1)
    for (let place = 0; place <= until; place++) {
      const fact = facts[place] as Fact
      if (got.has(place) || !matches(fact.topic)) continue
      const isOwed = place >= known || (kept.has(fact.data) && (place > first || (start === "earliest" && isLast)))
      if (!isOwed || client.announced.some((gap) => covers(gap, fact, facts, seen))) continue
      missing.push(place)
    }
  }
  if (missing.length > 0)
    throw new Error(
      `never received ${missing.map((place) => `entry ${place} (${facts[place]?.position})`).join(", ")}, and was not told`,
    )
  for (const [i, gap] of client.announced.entries()) {
    const before = client.announced[i - 1]
    // after an unknown cursor nobody can say what the client has seen
    if (gap.reason !== "trimmed" || (before?.reason === "unknown" && before.after === gap.after)) continue
    // what came all the same came from a window that still had it, here or in another process
    const isMissing = (place: number) => {
      const got = client.received[seen.indexOf(place)]
      return got?.connection !== gap.connection || !kept.has(got.data)
    }
    const isTrue = facts.some(
      (fact, place) => matches(fact.topic) && covers(gap, fact, facts, seen) && isMissing(place),
    )
    if (!isTrue) throw new Error(`was told of a gap from ${gap.from} to ${gap.to} in which nothing is missing`)
  }
}

function matcher({ options }: Client): (topic: string) => boolean {
  const patterns = (options.patterns ?? []).map(compilePattern)
  return (topic) => (options.topics ?? []).includes(topic) || patterns.some((matches) => matches(topic))
}

/** Whether an entry lies after `from` and not after `to`, over all lives of the store. */
function covers(
  { from, to }: Announced,
  fact: Fact,
  facts: readonly Fact[],
  seen: readonly (number | undefined)[],
): boolean {
  return after(fact, from, facts, seen) && !after(fact, to, facts, seen)
}

function after(fact: Fact, id: string, facts: readonly Fact[], seen: readonly (number | undefined)[]): boolean {
  // a publisher's id may be stored anew once its entry is gone: the client means the one it saw
  const position = parsePosition(id)
    ? id
    : facts.find((other, place) => other.id === id && seen.includes(place))?.position
  if (position === undefined) return true
  const life = lifeOf(position)
  return fact.life === life ? fact.position > position : fact.life > life
}
