import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import { checkHistory, type Verdict } from "./check.ts"
import { startCrowd } from "./crowd.ts"
import { counted, kindsFor, letHappen, type Stage } from "./faults.ts"
import { createJournal, readJournal, type History, type Seen } from "./history.ts"
import { createHubProcess, type HubProcess } from "./hub-process.ts"
import { createLink, type Link } from "./link.ts"
import { selectionOf } from "./messages.ts"
import { openLog, type LogAddress } from "./open-log.ts"
import { createPatience, PATIENCE, until } from "./patience.ts"
import { planFaults, type FaultKind } from "./plan.ts"
import { startPublishers } from "./publishers.ts"
import { STORES, type ChaosStore } from "./stores/index.ts"
import { createWitness, readAll } from "./witness.ts"

export interface ChaosOptions {
  readonly log: LogAddress["kind"]
  readonly seed: number
  readonly minutes: number
  /** Time between two faults, in ms. @default 2_000 */
  readonly every?: number
  /** @default 200 */
  readonly subscribers?: number
  /** Whether the store is set up so that a failover loses what was acknowledged: then subscribers must be told. @default false */
  readonly mayLose?: boolean
  /** Whether the history is kept even if nothing failed. @default false */
  readonly keep?: boolean
  /** Told of each fault when it is over. */
  readonly onFault?: (line: string) => void
}

export interface ChaosReport {
  /** How often each happened. */
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>
  /** What did not happen, and why. */
  readonly spared: readonly string[]
  readonly stored: number
  readonly acked: number
  /** Tries to publish that nobody answered, or with an error. */
  readonly repeated: number
  readonly delivered: number
  /** Announced to subscribers, by reason. */
  readonly gaps: Readonly<Record<string, number>>
  readonly failures: readonly string[]
  /** Where the history is, when something failed or it was asked for. */
  readonly folder: string | undefined
}

const HUBS = 3
const PUBLISHERS = 6
/** How many messages must be acknowledged after the last fault before the run ends. */
const ENOUGH = 200
/** In runs in which retention removes entries: few enough that some of those who sleep will miss some. */
const KEEPS = 1_000

/** Has something done when the run is over, the last first. */
type Defer = (end: () => Promise<unknown>) => void

/** Three hubs, one store, links between all, subscribers and publishers; faults for some minutes, then calm, then the verdict. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const folder = mkdtempSync(join(tmpdir(), "onward-chaos-"))
  const ends: (() => Promise<unknown>)[] = []
  let isKept = true
  try {
    const report = await run(options, folder, (end) => void ends.unshift(end))
    isKept = report.folder !== undefined
    return report
  } finally {
    for (const end of ends) await end()
    if (!isKept) rmSync(folder, { recursive: true })
  }
}

async function run(options: ChaosOptions, folder: string, defer: Defer): Promise<ChaosReport> {
  const { log, seed, minutes, every = 2_000, subscribers = 200, mayLose = false, keep = false, onFault } = options
  const path = (name: string): string => join(folder, name)
  mkdirSync(path("store"))
  // every other seed is one of a log that keeps everything, and of publishers with ids of their own
  const keeps = seed % 2 === 0 ? KEEPS : undefined

  const use = <T extends AsyncDisposable>(resource: T): T => {
    defer(async () => resource[Symbol.asyncDispose]())
    return resource
  }
  const store = use(await STORES[log].start({ folder: path("store"), keeps, mayLose }))
  const stage = await build(use, store, path)
  // by a way that nothing happens to, but which leads to wherever the store is
  const way = use(await createLink(() => store.port))
  const witness = await createWitness(await openLog(store.address(way.port)))
  defer(async () => witness.stop())

  const hubs = stage.hubs.map(({ link }) => link.port)
  const file = path("subscribers.jsonl")
  const crowd = startCrowd({ seed, count: subscribers, hubs, file, output: path("subscribers.log") })
  defer(async () => crowd.end())
  const publishers = startPublishers({
    seed,
    count: PUBLISHERS,
    hubs,
    file: path("acked.jsonl"),
    hasIds: keeps === undefined && !store.beginsAnew,
    backlog: () => publishers.acked.length - witness.facts.length,
  })

  const failures: string[] = []
  const inTime = createPatience(
    () => publishers.acked.length + witness.facts.length + crowd.received,
    (what) => failures.push(what),
  )
  await inTime(
    "the first event of each subscriber",
    until(() => crowd.begun === subscribers),
  )

  const journal = createJournal(path("faults.jsonl"))
  const plan = planFaults({ seed, kinds: kindsFor(store), minutes, every, hubs: HUBS })
  // a run that lets nothing happen must not pass for one that stood everything
  if (plan.length < kindsFor(store).length) failures.push("too short for each fault to happen: give it more minutes")
  await letHappen(stage, plan, (line) => {
    journal.write(line)
    onFault?.(line)
  }).catch((error: unknown) => failures.push(`a fault failed: ${String(error)}`))

  const before = publishers.acked.length
  await inTime(
    "publishing after the last fault",
    until(() => publishers.acked.length >= before + ENOUGH),
  )
  await inTime("publishing", publishers.stop())
  crowd.calm()
  await inTime("reading the store", witness.catchUp())
  const kept = (await inTime("reading the store once more", readAll(store.address(way.port)))) ?? []

  const look = async (): Promise<Verdict> => {
    await crowd.flush()
    return checkHistory(historyOf())
  }
  const historyOf = (): History => {
    const seen = Array.from({ length: subscribers }, (): Seen[] => [])
    for (const [number, item] of readJournal<[number, Seen]>(file)) seen[number]?.push(item)
    return {
      facts: witness.facts,
      kept,
      acked: publishers.acked,
      subscribers: seen.map((seen, number) => ({ selection: selectionOf(number), seen })),
      keeps: keeps ?? Infinity,
      mayLose: store.mayLose,
    }
  }
  let verdict = await look()
  for (let silence = 0, before = 0; verdict.missing.length > 0 && silence < PATIENCE; silence += 500) {
    await wait(500)
    if (crowd.received === before) {
      // what is quiet may be complete
      if (silence % 2_000 === 0) verdict = await look()
    } else silence = 0
    before = crowd.received
  }
  verdict = await look()

  failures.push(...verdict.failures, ...verdict.missing)
  for (const { failure } of [...stage.hubs, crowd, witness]) if (failure !== undefined) failures.push(failure)
  if (mayLose && !store.mayLose) failures.push(`a log on ${log} cannot be set up to lose anything`)
  if (store.mayLose && !verdict.gaps["epoch"]) failures.push("nothing was lost: this run proves nothing")
  if (verdict.delivered === 0) failures.push("nothing was delivered: this run proves nothing")
  const report = {
    faults: counted(plan),
    spared: store.spared,
    stored: witness.facts.length,
    acked: publishers.acked.length,
    repeated: publishers.repeated,
    delivered: verdict.delivered,
    gaps: verdict.gaps,
    failures,
    folder: keep || failures.length > 0 ? folder : undefined,
  }
  journal.flush()
  writeFileSync(path("stored.jsonl"), witness.facts.map((fact) => `${JSON.stringify(fact)}\n`).join(""))
  writeFileSync(path("report.json"), JSON.stringify({ ...options, ...report }, undefined, 2))
  return report
}

/** Starts the hubs, each behind a link, and with a link to the store if that is a server. */
async function build(
  use: <T extends AsyncDisposable>(resource: T) => T,
  store: ChaosStore,
  path: (name: string) => string,
): Promise<Stage> {
  const storeLinks: Link[] = []
  const hubs: HubProcess[] = []
  for (let number = 0; number < HUBS; number++) {
    if (store.port !== undefined) storeLinks.push(use(await createLink(() => store.port)))
    const address = store.address(storeLinks[number]?.port ?? 0)
    hubs.push(use(await createHubProcess({ name: `hub ${number}`, address, file: path(`hub-${number}.log`) })))
  }
  await Promise.all(hubs.map((hub) => hub.start()))
  return { hubs, storeLinks, store }
}
