import { inSameEpoch } from "../../src/log/index.ts"
import type { SubscribeOptions } from "../../src/hub/index.ts"
import { compilePattern } from "../../src/topic.ts"
import type { Fact, History, Seen } from "./history.ts"

export interface Verdict {
  /** What broke a promise. */
  readonly failures: readonly string[]
  /** What is only not there yet, if the run goes on. */
  readonly missing: readonly string[]
  readonly delivered: number
  /** Announced, by reason. */
  readonly gaps: Readonly<Record<string, number>>
}

type Announced = Exclude<Seen, string>

/**
 * Compares what every subscriber saw with what was stored, and what was stored with what was acknowledged. After an announced
 * gap a subscriber may lack what lies in it and was removed, and after one by a new life of the log it begins anew, as it was told.
 */
export function checkHistory(history: History): Verdict {
  const { facts, subscribers } = history
  const failures = [...checkStore(history)]
  const missing: string[] = []
  const gaps: Record<string, number> = {}
  const places = placesOf(facts)
  const lives = livesOf(facts)
  let delivered = 0
  for (const [number, { selection, seen }] of subscribers.entries()) {
    const reader = new Reader(history, places, lives, matcher(selection))
    for (const item of withoutUnheeded(seen)) {
      if (typeof item === "string") {
        delivered++
        reader.take(item)
      } else {
        reader.hear(item)
      }
    }
    for (const item of seen) if (typeof item !== "string") gaps[item.reason] = (gaps[item.reason] ?? 0) + 1
    const left = reader.left()
    // what follows the first is mostly its consequence
    failures.push(...reader.failures.slice(0, 3).map((failure) => `subscriber ${number} ${failure}`))
    if (left.length > 0) missing.push(`subscriber ${number} never got ${some(left)}`)
  }
  return { failures, missing, delivered, gaps }
}

/**
 * Without the gaps that a subscriber could not keep: a gap has no id, so one that loses its connection before the next event
 * comes back with its cursor of the old life. A process that has not seen the new one yet hands it more of the old, and then it
 * is told again, from there.
 */
function withoutUnheeded(seen: readonly Seen[]): readonly Seen[] {
  const kept: Seen[] = []
  let next: Announced | undefined
  for (const item of seen.toReversed()) {
    if (typeof item !== "string" && item.reason !== "trimmed") {
      const isRepeated = next !== undefined && inSameEpoch(next.from, item.from)
      next = item
      if (isRepeated) continue
    }
    kept.push(item)
  }
  return kept.reverse()
}

function matcher({ topics = [], patterns = [] }: SubscribeOptions): (topic: string) => boolean {
  const compiled = patterns.map(compilePattern)
  const known = new Map<string, boolean>()
  return (topic) => {
    let matches = known.get(topic)
    if (matches === undefined) {
      matches = topics.includes(topic) || compiled.some((fits) => fits(topic))
      known.set(topic, matches)
    }
    return matches
  }
}

/** Where each message was stored: more than once when a log began anew with what it had. */
function placesOf(facts: readonly Fact[]): ReadonlyMap<string, readonly number[]> {
  const places = new Map<string, number[]>()
  for (const [place, { name }] of facts.entries()) {
    const known = places.get(name)
    if (known) known.push(place)
    else places.set(name, [place])
  }
  return places
}

function* checkStore({ facts, kept, acked, keeps, mayLose }: History): Generator<string> {
  const newest = new Map<string, number>()
  for (const [place, { name, position }] of facts.entries()) {
    const last = facts[place - 1]
    if (last && inSameEpoch(last.position, position) && position <= last.position)
      yield `the log has ${position} after ${last.position}`
    const earlier = newest.get(name)
    // a repeat of what is not kept any more is another entry
    if (earlier !== undefined && place - earlier < keeps && inSameEpoch(facts[earlier]?.position ?? "", position))
      yield `${name} is stored twice`
    newest.set(name, place)
  }
  const lives = livesOf(facts)
  const { start = 0, end = 0 } = lives.at(-1) ?? {}
  // a life of a log never changes its past: what was read as it came is there, in its place, or was removed in order
  const newestFacts = facts.slice(Math.max(start, end - kept.length))
  const isAsRead = newestFacts.every(({ position, name }, i) => kept[i]?.position === position && kept[i].name === name)
  if (!isAsRead || kept.length < Math.min(keeps, end - start) || kept.length > end - start)
    yield `the log does not hold what was read from it: ${kept.length} entries in the end, ${end - start} read`
  if (mayLose) return
  const isKept = (place: number): boolean => {
    const life = lives.findIndex(({ end }) => place < end)
    const next = lives[life + 1]
    // in the last life; or older than what the next one began with, and so removed by retention
    return !next || place < (firstInCommon(facts, lives[life] as Life, next) ?? 0)
  }
  const lost = acked.filter((name) => !isKept(newest.get(name) ?? -1) || !newest.has(name))
  if (lost.length > 0) yield `acknowledged, but not kept: ${some(lost)}`
}

/** A stretch of facts of one life of the log. */
interface Life {
  readonly start: number
  readonly end: number
}

function livesOf(facts: readonly Fact[]): readonly Life[] {
  const starts = facts.keys().filter((place) => place === 0 || !sameLife(facts[place - 1], facts[place]))
  return [...starts].map((start, i, all) => ({ start, end: all[i + 1] ?? facts.length }))
}

const sameLife = (a: Fact | undefined, b: Fact | undefined): boolean =>
  a !== undefined && b !== undefined && inSameEpoch(a.position, b.position)

/** Where in `life` the oldest entry is that the next one has, too. */
function firstInCommon(facts: readonly Fact[], life: Life, next: Life): number | undefined {
  const kept = new Set(facts.slice(next.start, next.end).map(({ name }) => name))
  for (let place = life.start; place < life.end; place++) if (kept.has(facts[place]?.name ?? "")) return place
  return undefined
}

/** Follows what one subscriber saw along the facts. */
class Reader {
  readonly failures: string[] = []
  readonly #history: History
  readonly #places: ReadonlyMap<string, readonly number[]>
  readonly #matches: (topic: string) => boolean
  readonly #lives: readonly Life[]
  readonly #seen = new Set<string>()
  /** The life of the log it reads. */
  #life: Life
  /** Whether it has got anything of it. */
  #isIn = false
  /** Everything up to here was seen, or is known to be missed. */
  #at = -1
  /** Up to where something was announced to be removed since then. */
  #announced: Announced[] = []
  /** What was seen after all that is known of this life: it may be its end, which nobody else got to see before the store was lost. */
  #unknown: string[] = []

  constructor(
    history: History,
    places: ReadonlyMap<string, readonly number[]>,
    lives: readonly Life[],
    matches: (topic: string) => boolean,
  ) {
    this.#history = history
    this.#places = places
    this.#lives = lives
    this.#life = lives[0] ?? NO_LIFE
    this.#matches = matches
  }

  take(name: string): void {
    this.#isIn = true
    const { facts } = this.#history
    const { end } = this.#life
    const place = this.#places.get(name)?.find((place) => place > this.#at && place < end)
    if (place === undefined && this.#seen.has(name)) this.failures.push(`got ${name} twice`)
    else if (place === undefined && this.#isBehind(name)) this.failures.push(`got ${name} after what comes after it`)
    else if (place !== undefined && !this.#matches(facts[place]?.topic ?? "")) {
      this.failures.push(`got ${name}, which it did not ask for`)
    } else {
      const skipped = this.#owed(place ?? end)
      if (skipped.length > 0)
        this.failures.push(`got ${name} without ${some(skipped)} before it, and was not told of a gap`)
      if (place === undefined) this.#unknown.push(name)
      this.#at = place ?? end - 1
      this.#announced = []
    }
    this.#seen.add(name)
  }

  #isBehind(name: string): boolean {
    return this.#places.get(name)?.some((place) => place >= this.#life.start && place < this.#life.end) ?? false
  }

  hear(gap: Announced): void {
    if (gap.reason === "trimmed") {
      this.#announced.push(gap)
      return
    }
    const { facts, mayLose } = this.#history
    const life = this.#lives.find(({ start }) => inSameEpoch(facts[start]?.position ?? "", gap.to)) ?? NO_LIFE
    // who leaves before the first entry of a new life has a cursor of the old one, and is told once more
    if (life === this.#life && this.#isIn && life !== NO_LIFE && (gap.reason === "epoch" || !mayLose)) {
      this.failures.push(`was told "${gap.reason}" from ${gap.from} to ${gap.to}, within one life of the log`)
      return
    }
    this.#unknown = []
    this.#announced = []
    this.#seen.clear()
    this.#isIn = false
    this.#life = life
    this.#at = life.start - 1
    while (this.#at + 1 < life.end && (facts[this.#at + 1]?.position ?? "") <= gap.to) this.#at++
  }

  /** What it has yet to get: the last life is that which counts. */
  left(): readonly string[] {
    if (this.#unknown.length > 0 && this.#life === this.#lives.at(-1))
      this.failures.push(`got ${some(this.#unknown)}, which is not in the log`)
    return this.#owed(this.#history.facts.length)
  }

  /** Names of what it should have got before `place`. */
  #owed(place: number): string[] {
    const { facts, keeps } = this.#history
    const owed: string[] = []
    for (let i = this.#at + 1; i < place; i++) {
      const fact = facts[i] as Fact
      if (!this.#matches(fact.topic)) continue
      const wasRemoved = this.#endOfLife(i) - i > keeps
      const isAnnounced = this.#announced.some(({ to }) => inSameEpoch(to, fact.position) && fact.position <= to)
      if (!wasRemoved || !isAnnounced) owed.push(fact.name)
    }
    return owed
  }

  #endOfLife(place: number): number {
    return this.#lives.find(({ end }) => place < end)?.end ?? 0
  }
}

/** One that ended before anybody looked: nothing of it is known. */
const NO_LIFE: Life = { start: 0, end: 0 }

const some = (names: readonly string[]): string =>
  names.length > 5 ? `${names.slice(0, 5).join(", ")} and ${names.length - 5} more` : names.join(", ")
