import { createHub, type Hub, type StartPoint, type SubscribeOptions } from "../../../src/hub/index.ts"
import type { Retention } from "../../../src/log/index.ts"
import type { Message } from "../../../src/message.ts"
import { Chance } from "./chance.ts"
import { checkClient } from "./check.ts"
import { Client } from "./client.ts"
import { Store } from "./store.ts"
import { TopicViewer } from "./topic-viewer.ts"
import { World } from "./world.ts"

/** What one seed's run came to. */
export interface Outcome {
  /** Digest of everything that happened: equal for equal seeds. */
  readonly trace: number
  readonly published: number
  readonly received: number
  readonly gaps: number
  /** What went wrong, if anything did. */
  readonly failure: string | undefined
}

const TOPICS = ["a", "b", "news/x", "news/y"]

/**
 * A long world: the window, its topics and the log put what they hold in order only after they have dropped 1,024 entries, or 64 of a
 * topic, which the few dozen entries of other worlds never reach.
 */
const LONG = { percent: 1, steps: 1_500 }

/**
 * Runs one world: publishers here and in other processes, subscribers that are slow, cut off and come back, a store that trims,
 * fails, answers late and is lost, a hub that is drained, killed and started anew. In the end everything calms down, and every
 * subscriber's entries are compared with the store's.
 */
export async function simulate(seed: number): Promise<Outcome> {
  const chance = new Chance(seed)
  const world = new World(chance)
  const store = new Store(world, retention(chance))
  const isLong = chance.percent(LONG.percent)
  const sim = new Simulation(world, store, isLong)
  let failure: string | undefined
  try {
    const steps = isLong ? LONG.steps : 60 + chance.below(200)
    for (let i = 0; i < steps; i++) {
      if (chance.percent(45)) sim.act()
      await world.step()
    }
    await sim.calm()
    await sim.check()
  } catch (error) {
    failure = error instanceof Error ? (error.stack ?? error.message) : String(error)
  }
  return {
    trace: world.trace,
    published: store.facts.length,
    received: sim.clients.reduce((sum, { received }) => sum + received.length, 0),
    gaps: sim.clients.reduce((sum, { announced }) => sum + announced.length, 0),
    failure,
  }
}

function retention(chance: Chance): Retention {
  const count = chance.pick([3, 8, 20, 10_000])
  return chance.percent(40) ? { count, topic: { count: chance.pick([1, 2, 5]) } } : { count }
}

class Simulation {
  readonly clients: Client[] = []
  readonly #world: World
  readonly #store: Store
  /** Whether it goes on for long, with one hub and one store, which a new one would take what they hold from. */
  readonly #isLong: boolean
  /** Receivers inside the processes, the newest process last. */
  readonly #viewers: TopicViewer[] = []
  readonly #hasPresence: boolean
  /** Whether most messages are on one topic, so that those with patterns read long stretches without a match. */
  readonly #isBusy: boolean
  /** Whether many clients have the same topics, so that a turn does not reach all of them. */
  readonly #isCrowded: boolean
  /** Makes messages so large that a few fill a write. */
  readonly #padding: string
  #fault: string | undefined
  #hub: Hub
  #numbers = 0
  /** Acknowledged publishes: what must be in the store. */
  readonly #acked: string[] = []
  readonly #recent: Message[] = []

  constructor(world: World, store: Store, isLong: boolean) {
    this.#world = world
    this.#store = store
    this.#isLong = isLong
    this.#padding = world.chance.percent(5) ? " ".repeat(25_000) : ""
    this.#isBusy = world.chance.percent(20)
    this.#hasPresence = world.chance.percent(20)
    this.#hub = this.#start()
    this.#isCrowded = world.chance.percent(10)
    const count = this.#isCrowded ? 4 + world.chance.below(12) : 1 + world.chance.below(4)
    for (let i = 0; i < count; i++) this.clients.push(this.#client())
  }

  #start(): Hub {
    const { chance } = this.#world
    const hub = createHub({
      log: this.#store.connect(),
      clock: this.#world,
      window: { maxEntries: chance.pick(this.#isLong ? [3, 10, 30] : [1, 3, 10, 1_000]) },
      // often enough to meet entries that are about to go out
      heartbeat: chance.pick([100, 15_000]),
      presence: this.#hasPresence && { grace: 0 },
      onError: () => {},
    })
    for (const viewer of this.#viewers) if (chance.percent(50)) viewer.stop()
    this.#view(hub)
    return hub
  }

  #view(hub: Hub): void {
    this.#viewers.push(new TopicViewer(this.#world, this.#store, hub, this.#world.chance.pick(TOPICS)))
  }

  /** Asks a viewer to read everything that is stored by now. */
  #refresh(): void {
    const viewer = this.#viewers.at(-1)
    void viewer?.refresh().then((fault) => {
      if (fault !== undefined) this.#fault ??= `a refreshed viewer of ${viewer.topic} ${fault}`
    })
  }

  #client(): Client {
    const { chance } = this.#world
    const selection: SubscribeOptions = chance.pick([
      { topics: ["a"] },
      ...(this.#isCrowded ? Array.from({ length: 8 }, () => ({ topics: ["a"] })) : []),
      { topics: ["a", "b"] },
      { topics: ["b"], patterns: ["news/*"] },
      { patterns: ["news/:name"] },
      { patterns: ["*"] },
    ])
    const start: StartPoint = chance.pick([
      "live",
      "live",
      "earliest",
      { last: 3 },
      { since: this.#world.now() - 5_000 },
    ])
    const options = chance.percent(10)
      ? { ...selection, until: ({ data }: { data: string }) => Number(data) % 13 === 7 }
      : selection
    return new Client(this.#world, options, start)
  }

  /** From which entry on a live stream that begins now is owed everything. */
  get #owedFrom(): number {
    return this.#store.isSlowToStart ? Infinity : this.#store.facts.length
  }

  /** Something happens that is nobody's consequence. */
  act(): void {
    const { chance } = this.#world
    const dice = chance.below(100)
    const client = chance.pick(this.clients)
    if (this.#isLong && dice % 2 === 0) {
      this.#publish()
      this.#publish()
    } else if (dice < 30) this.#publish()
    else if (dice < 40) this.#publishElsewhere()
    else if (dice < 60) client.connect(this.#hub, this.#owedFrom)
    else if (dice < 80) client.read(chance.pick([1, 10, 50, Infinity]))
    else if (dice < 86) client.cut()
    else if (dice < 88) this.#refresh()
    else if (dice < 90 && this.#viewers.length < 8) this.#view(this.#hub)
    else if (dice < 95) this.#world.pass(chance.pick([1, 100, 600, 600, 3_000, 20_000, 200_000]))
    else if (this.#isLong) return
    else if (dice < 97) this.#restart()
    else if (dice < 98 && chance.percent(30)) {
      this.#store.recreate()
      this.#recent.length = 0
    }
  }

  #message(): Message {
    const { chance } = this.#world
    const data = String(this.#numbers++) + this.#padding
    // a repeat: stored only if what it repeats is not kept any more
    if (this.#recent.length > 0 && chance.percent(10)) return { ...chance.pick(this.#recent), data }
    const topic = this.#isBusy && chance.percent(90) ? "a" : chance.pick(TOPICS)
    const message = chance.percent(25)
      ? { topic, data, id: `p-${data}` }
      : chance.percent(25)
        ? { topic, data, idempotencyKey: data }
        : { topic, data }
    // an id is never given to another entry once its own is gone: clients could not tell the two apart
    if ("key" in message || ("id" in message && this.#store.keepsAll)) this.#recent.push(message)
    return message
  }

  #publish(): void {
    const { chance } = this.#world
    const messages = Array.from({ length: 1 + chance.below(4) }, () => this.#message())
    const life = this.#store.life
    void this.#hub.publishMany(messages).then(
      () => {
        const fresh = messages.filter(({ id, idempotencyKey: key }) => id === undefined && key === undefined)
        if (life === this.#store.life) this.#acked.push(...fresh.map(({ data }) => String(data)))
      },
      () => {},
    )
  }

  #publishElsewhere(): void {
    const message = this.#message()
    this.#world.soon(() => void this.#store.append([{ ...message, data: String(message.data) }]))
  }

  #restart(): void {
    const { chance } = this.#world
    const old = this.#hub
    if (chance.percent(50)) void old.close()
    else void old.drain({ duration: chance.pick([0, 500, 5_000]) }).then(() => old.close())
    this.#hub = this.#start()
  }

  /** No more faults: everyone reads all there is. */
  async calm(): Promise<void> {
    this.#store.faults = false
    for (let round = 0; round < 60; round++) {
      for (const client of this.clients) client.connect(this.#hub, this.#owedFrom)
      for (let i = 0; i < 400 && !this.#world.isIdle; i++) await this.#world.step()
      for (const client of this.clients) client.read()
      this.#world.pass(1_600)
      await this.#world.step()
      if (round > 20 && this.#world.isIdle && this.clients.every((client) => client.hasEnded || client.isCaughtUp))
        break
    }
    const openNow = (): number => this.clients.filter((client) => !client.hasEnded).length
    // a client without room takes one of many entries at a time
    for (let i = 0; i < 5 || (i < 1_000 && this.#hub.stats().live < openNow()); i++) {
      for (const client of this.clients) client.read()
      while (!this.#world.isIdle) await this.#world.step()
    }
    const { connections, live } = this.#hub.stats()
    const open = openNow()
    if (connections !== open || live !== open)
      throw new Error(`${open} streams should be live in the end, ${live} of ${connections} are`)
    if (this.#hasPresence) this.#checkPresence()
    const kept = await this.#store.kept()
    for (const viewer of this.#viewers) {
      const fault = viewer.fault(kept, !viewer.isOver)
      if (fault !== undefined) this.#fault ??= `a viewer of ${viewer.topic} ${fault}`
    }
    const old = this.#hub
    void old.close()
    for (let i = 0; i < 200; i++) await this.#world.step()
    if (this.#viewers.some((viewer) => !viewer.isOver)) throw new Error("a viewer was not told that its hub is closed")
    if (this.#fault !== undefined) throw new Error(this.#fault)
    if (old.stats().connections !== 0) throw new Error("a closed hub still has connections")
  }

  /** All processes but this one are gone, so presence counts this one's streams. */
  #checkPresence(): void {
    for (const topic of TOPICS) {
      const open = this.clients.filter(({ options, hasEnded }) => !hasEnded && options.topics?.includes(topic)).length
      const { streams } = this.#hub.presence.of(topic)
      if (streams !== open) throw new Error(`presence counts ${streams} streams of ${topic}, and there are ${open}`)
    }
  }

  async check(): Promise<void> {
    const stored = new Set(this.#store.facts.map(({ data }) => data))
    for (const data of this.#acked)
      if (!stored.has(data)) throw new Error(`publish of ${data} was acknowledged but not stored`)
    const kept = await this.#store.kept()
    for (const [i, client] of this.clients.entries()) {
      try {
        checkClient(client, this.#store.facts, kept)
      } catch (error) {
        throw new Error(`client ${i} (${JSON.stringify(client.options)}): ${(error as Error).message}`, {
          cause: error,
        })
      }
    }
  }
}
