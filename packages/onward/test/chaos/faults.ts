import { setTimeout as wait } from "node:timers/promises"
import type { HubProcess } from "./hub-process.ts"
import type { Link } from "./link.ts"
import type { FaultKind, PlannedFault } from "./plan.ts"
import type { ChaosStore } from "./stores/index.ts"

/** All that faults happen to. */
export interface Stage {
  readonly hubs: readonly HubProcess[]
  /** From each hub to the store; none to a file. */
  readonly storeLinks: readonly Link[]
  readonly store: ChaosStore
}

/** Lets one fault happen; resolves once it is over, to what it did. */
export type Fault = (stage: Stage, fault: PlannedFault) => Promise<string>

const CUT_PERCENT = 60
const HOUR = 3_600_000

const cut = async (link: Link, { chance }: PlannedFault): Promise<string> =>
  `${await link.cut(chance, CUT_PERCENT)} connections broken`

async function stall(link: Link, { lasts }: PlannedFault): Promise<string> {
  await link.stall(lasts)
  return `nothing passed for ${lasts} ms`
}

async function slow(link: Link, { lasts, chance }: PlannedFault): Promise<string> {
  const weather = {
    latency: chance.below(50),
    bandwidth: 5_000 + chance.below(200_000),
    slice: 1 + chance.below(2_000),
  }
  link.weather = weather
  await wait(lasts)
  link.weather = undefined
  return `${lasts} ms of ${weather.latency} ms latency, ${weather.bandwidth} bytes/s, pieces of ${weather.slice}`
}

/** Every link has a hub. */
const ofHub = <T>(list: readonly T[], { hub }: PlannedFault): T => list[hub] as T

export const FAULTS: Readonly<Record<FaultKind, Fault>> = {
  async "kill a hub"({ hubs }, fault) {
    const pause = fault.chance.below(500)
    await ofHub(hubs, fault).kill(pause)
    return `back after ${pause} ms`
  },
  async "kill all hubs"({ hubs }, { chance }) {
    await Promise.all(hubs.map((hub) => hub.kill(chance.below(500))))
    return "all back"
  },
  async "freeze a hub"({ hubs }, fault) {
    await ofHub(hubs, fault).freeze(fault.lasts)
    return `stood still for ${fault.lasts} ms`
  },
  "cut clients": ({ hubs }, fault) => cut(ofHub(hubs, fault).link, fault),
  "stall clients": ({ hubs }, fault) => stall(ofHub(hubs, fault).link, fault),
  "slow clients": ({ hubs }, fault) => slow(ofHub(hubs, fault).link, fault),
  async "corrupt answers"({ hubs }, fault) {
    const spoiled = await ofHub(hubs, fault).link.corrupt(500)
    return `${spoiled} answers spoiled`
  },
  "cut store": ({ storeLinks }, fault) => cut(ofHub(storeLinks, fault), fault),
  "stall store": ({ storeLinks }, fault) => stall(ofHub(storeLinks, fault), fault),
  "slow store": ({ storeLinks }, fault) => slow(ofHub(storeLinks, fault), fault),
  async "kill store"({ store }, { chance }) {
    const pause = chance.below(1_000)
    await store.kill?.(pause)
    return `back after ${pause} ms`
  },
  async "fail over"({ store }) {
    await store.failOver?.()
    return `to port ${store.port}`
  },
  async "disk full"({ store }, { lasts }) {
    await store.fillDisk?.(lasts)
    return `no room for ${lasts} ms`
  },
  async "clock step"({ hubs }, fault) {
    const offset = fault.chance.below(2 * HOUR) - HOUR
    ofHub(hubs, fault).step(offset)
    return `${offset} ms off`
  },
}

/** What can happen to such a store. */
export function kindsFor(store: ChaosStore): readonly FaultKind[] {
  const hasServer = store.port !== undefined
  const kinds = Object.keys(FAULTS) as FaultKind[]
  return kinds.filter((kind) => {
    if (kind === "kill store") return store.kill
    if (kind === "fail over") return store.failOver
    if (kind === "disk full") return store.fillDisk
    if (kind === "kill all hubs") return !hasServer
    return hasServer || !kind.endsWith(" store")
  })
}

/** Lets each fault begin at its time; those of the store one after the other. */
export async function letHappen(
  stage: Stage,
  plan: readonly PlannedFault[],
  tell: (line: string) => void,
): Promise<void> {
  const startedAt = performance.now()
  const running: Promise<void>[] = []
  let ofStore: Promise<unknown> = Promise.resolve()
  for (const fault of plan) {
    await wait(Math.max(0, startedAt + fault.at - performance.now()))
    const happen = async (): Promise<void> => {
      const outcome = await FAULTS[fault.kind](stage, fault)
      tell(`${(fault.at / 1_000).toFixed(1)} s: ${fault.kind} (${fault.hub}): ${outcome}`)
    }
    const isOfStore = fault.kind === "kill store" || fault.kind === "fail over" || fault.kind === "disk full"
    const happening = isOfStore ? ofStore.then(happen) : happen()
    if (isOfStore) ofStore = happening
    running.push(happening)
    happening.catch(() => {}) // looked at in the end
  }
  await Promise.all(running)
}

/** How often each happens. */
export function counted(plan: readonly PlannedFault[]): Partial<Record<FaultKind, number>> {
  const counts: Partial<Record<FaultKind, number>> = {}
  for (const { kind } of plan) counts[kind] = (counts[kind] ?? 0) + 1
  return counts
}
