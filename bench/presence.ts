// `npm run bench -- presence`, or this file with `[--topics 10000] [--streams 1000] [--rounds 4] [--no-netns]`: what presence costs the hub with many topics: CPU of a
// connect and disconnect, and CPU while nothing happens. Two hubs do the same in turn, one with presence.
import { loadavg } from "node:os"
import { setTimeout as sleep } from "node:timers/promises"
import { parseArgs } from "node:util"
import { close, openStreams, startHub, type Hub } from "./run/hub.ts"
import { enterNamespace } from "./run/netns.ts"
import { median, spread } from "./run/statistics.ts"
import { markdown } from "./run/tables.ts"
import { residentKiB } from "./run/usage.ts"

const { values: flags } = parseArgs({
  allowNegative: true,
  options: {
    topics: { type: "string", default: "10000" },
    streams: { type: "string", default: "1000" },
    rounds: { type: "string", default: "4" },
    netns: { type: "boolean", default: true },
  },
})
const [topics, streams, rounds] = [Number(flags.topics), Number(flags.streams), Number(flags.rounds)]
if (flags.netns) enterNamespace()
// the hub refuses variables that begin like its own and that it does not know
delete process.env["ONWARD_BENCH_NETNS"]

/** How long a hub is watched while nothing happens, in ms: several times the interval in which hubs tell each other that they run. */
const QUIET_MS = 5_000

interface Subject {
  readonly what: string
  readonly hub: Hub
  readonly connect: number[]
  readonly quiet: number[]
  readonly memory: number[]
}

const start = async (what: string, settings: object): Promise<Subject> => ({
  ...{ what, connect: [], quiet: [], memory: [] },
  hub: await startHub(settings),
})

async function presenceOf(hub: Hub, topic: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${hub.port}/presence?topic=${topic}`)
  const { topics: [found] = [] } = (await response.json()) as { topics?: { streams: number }[] }
  return found?.streams ?? 0
}

async function round({ hub, connect, quiet, memory }: Subject, counts: boolean, isCounted: boolean): Promise<void> {
  const each = topics / streams
  const namesOf = (i: number): string[] => Array.from({ length: each }, (_, k) => `room/${i * each + k}`)
  const before = hub.cpu()
  const all = await openStreams(hub.port, streams, (i) => ({ topics: namesOf(i) }))
  if (isCounted && (await presenceOf(hub, `room/${topics - 1}`)) !== 1)
    throw new Error("The last topic is not counted.")
  const open = hub.cpu()
  await sleep(QUIET_MS)
  const afterQuiet = hub.cpu()
  const resident = residentKiB(hub.pid)
  close(all)
  await sleep(200)
  if (!counts) return
  connect.push(((open - before + hub.cpu() - afterQuiet) * 1e6) / streams)
  quiet.push(((afterQuiet - open) * 1e6) / QUIET_MS)
  memory.push(resident / 1_024)
}

const subjects = [await start("without presence", {}), await start("with presence", { presence: ["room/*"] })] as const
const [without, having] = subjects
try {
  for (const subject of subjects) await round(subject, false, subject === having)
  for (let i = 0; i < rounds; i++) {
    for (const subject of i % 2 === 0 ? subjects : subjects.toReversed()) await round(subject, true, subject === having)
  }
} finally {
  for (const { hub } of subjects) await hub.stop()
}
const ratio = median(having.connect.map((cpu, i) => cpu / (without.connect[i] as number)))
console.log(
  `### presence\n\n${rounds} rounds, ${streams} streams on ${topics} topics, load ${loadavg()[0]?.toFixed(1)}. Median (least–most). A connect with presence costs ${ratio.toFixed(2)} × one without.\n`,
)
console.log(
  markdown([
    [
      "",
      `µs CPU of a connect to ${topics / streams} topics, and its end`,
      "µs CPU a ms while nothing happens",
      "MiB resident",
    ],
    ...subjects.map(({ what, connect, quiet, memory }) => [what, spread(connect), spread(quiet), spread(memory)]),
  ]),
)
