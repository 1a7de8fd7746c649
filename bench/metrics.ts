// `npm run bench -- metrics`, or this file with `[--streams 1000] [--events 40] [--connects 300] [--publishes 400] [--hubs 3] [--rounds 10] [--no-netns]`:
// what metrics cost the hub: CPU of a delivery, of a publish and of a connect, with an admin port and without. In each round three hubs do the
// same, in changing order: one with metrics and two without. The ratio of the two without shows what this machine can tell apart. Processes
// differ by themselves, so all three are started again several times. What a hub uses without any request is a row of its own, and is subtracted from the
// others by the time that they take, which is long on a busy machine.
import { loadavg } from "node:os"
import { setTimeout as sleep } from "node:timers/promises"
import { parseArgs } from "node:util"
import { close, openStreams, publish, startHub, type Hub, type Stream } from "./run/hub.ts"
import { enterNamespace } from "./run/netns.ts"
import { figure, median, middleHalf } from "./run/statistics.ts"
import { markdown } from "./run/tables.ts"

const { values: flags } = parseArgs({
  allowNegative: true,
  options: {
    streams: { type: "string", default: "1000" },
    events: { type: "string", default: "40" },
    connects: { type: "string", default: "300" },
    publishes: { type: "string", default: "400" },
    hubs: { type: "string", default: "3" },
    rounds: { type: "string", default: "10" },
    netns: { type: "boolean", default: true },
  },
})
const numberOf = (name: Exclude<keyof typeof flags, "netns">): number => Number(flags[name])
const [streams, events, connects, publishes] = [
  numberOf("streams"),
  numberOf("events"),
  numberOf("connects"),
  numberOf("publishes"),
]
if (flags.netns) enterNamespace()
// the hub refuses variables that begin like its own and that it does not know
delete process.env["ONWARD_BENCH_NETNS"]

const WARM_UPS = 3

interface Subject {
  readonly hub: Hub
  /** CPU that it uses without any request, in µs a ms. */
  readonly idle: number
  readonly streams: readonly Stream[]
}

interface Measure {
  readonly what: string
  /** How often the work does what is measured. */
  readonly count: number
  work(subject: Subject): Promise<void>
}

const measures: readonly Measure[] = [
  {
    what: `delivery, ${streams} streams`,
    count: streams * events,
    async work({ hub, streams }) {
      const total = (): number => streams.reduce((sum, { bytes }) => sum + bytes, 0)
      for (let i = 0; i < events; i++) await publish(hub.port, "shared")
      for (let before = -1; before !== total(); await sleep(50)) before = total()
    },
  },
  {
    what: "publish without streams",
    count: publishes,
    async work({ hub }) {
      for (let i = 0; i < publishes; i++) await publish(hub.port, "unread")
    },
  },
  {
    what: "connect and disconnect",
    count: connects,
    async work({ hub }) {
      close(await openStreams(hub.port, connects, (i) => ({ topics: [`user/${i}`] })))
      await sleep(50)
    },
  },
]

const QUIET_MS = 3_000

/** µs of CPU: of a hub with metrics, of one without, and of another without. */
type Round = [having: number, without: number, another: number]

const quiet: Round[] = []
const figures = new Map<Measure, Round[]>(measures.map((measure) => [measure, []]))

async function measured({ work, count }: Measure, subject: Subject): Promise<number> {
  const { hub, idle } = subject
  const before = hub.cpu()
  const startedAt = performance.now()
  await work(subject)
  return ((hub.cpu() - before) * 1e6 - idle * (performance.now() - startedAt)) / count
}

async function startSubject(settings: object): Promise<Subject> {
  const hub = await startHub(settings)
  const all = await openStreams(hub.port, streams, () => ({ topics: ["shared"] }))
  await sleep(1_000)
  const before = hub.cpu()
  await sleep(QUIET_MS)
  return { hub, idle: ((hub.cpu() - before) * 1e6) / QUIET_MS, streams: all }
}

for (let start = 0; start < numberOf("hubs"); start++) {
  const subjects: Subject[] = []
  try {
    for (const settings of [{ admin: { port: 0 } }, {}, {}]) subjects.push(await startSubject(settings))
    quiet.push(subjects.map(({ idle }) => idle * 1_000) as unknown as Round)
    for (const [measure, rounds] of figures) {
      // not counted: compiling
      for (const subject of subjects) for (let i = 0; i < WARM_UPS; i++) await measure.work(subject)
      for (let round = 0; round < numberOf("rounds"); round++) {
        const of: Round = [0, 0, 0]
        for (let i = 0; i < 3; i++) {
          const at = (round + (round % 2 === 0 ? i : 3 - i)) % 3
          of[at] = await measured(measure, subjects[at] as Subject)
        }
        rounds.push(of)
      }
    }
  } finally {
    for (const subject of subjects) {
      close(subject.streams)
      await subject.hub.stop()
    }
  }
}

const rows = [
  ...Array.from(figures, ([{ what }, rounds]) => [what, rounds] as const),
  ["second without requests", quiet] as const,
].map(([what, rounds]) => [
  what,
  ...[1, 0].map((at) => figure(median(rounds.map((round) => round[at] as number)))),
  middleHalf(rounds.map(([having, without, another]) => (2 * having) / (without + another))),
  middleHalf(rounds.map(([, without, another]) => another / without)),
])
console.log(`### metrics\n`)
console.log(
  `${flags.hubs} starts of ${flags.rounds} rounds, load ${loadavg()[0]?.toFixed(1)}. Of the rounds: the median (and the middle half).\n`,
)
console.log(
  markdown([["µs CPU of a", "without metrics", "with", "with to without", "without to another without"], ...rows]),
)
