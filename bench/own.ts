// `npm run bench -- own`: each stream has a topic of its own beside one that all share, see docs/benchmarks.md.
import { loadavg } from "node:os"
import { parseArgs } from "node:util"
import { enterNamespace } from "./run/netns.ts"
import { figure, median, spread } from "./run/statistics.ts"
import { markdown } from "./run/tables.ts"
import { quiet, startPair, type Pair } from "./scale/hub-process.ts"

const { values: flags } = parseArgs({
  options: {
    streams: { type: "string", default: "10000" },
    topics: { type: "string", default: "1000000" },
    runs: { type: "string", default: "3" },
  },
})
const [streams, topics, runs] = [Number(flags.streams), Number(flags.topics), Number(flags.runs)]
const EVENTS = 30
const BURSTS = 5
const BURST = 100

enterNamespace()

/** What each stream asks for; `%` is its number. */
const shapes = {
  "the shared topic": "/events?topic=announcements",
  "and one of its own": "/events?topic=announcements&topic=user/%",
  "and a pattern of its own": "/events?topic=announcements&pattern=user/%/*",
}
type Shape = keyof typeof shapes

interface Sample {
  /** CPU of the hub, in µs a delivery. */
  readonly single: number
  readonly burst: number
  /** Memory of a stream, in KiB. */
  readonly stream: number
  /** CPU of the hub, in µs, of an entry on a topic that no stream has. */
  readonly unheard: number
  /** What a topic costs that had one entry in the log and in the window, in bytes, beside as many entries on one topic. */
  readonly topic: number
}

async function measure(shape: Shape): Promise<Sample> {
  const pair = await startPair({ log: { kind: "memory" }, window: { maxEntries: 2 * topics, maxChars: 2 ** 31 } })
  try {
    let last = 0
    const deliver = async (count: number, batch: number): Promise<number> => {
      const { cpu } = await pair.cpuOf(async () => {
        for (let i = 0; i < count; i++) {
          await pair.tell({ do: "publish", topic: "announcements", from: last + 1, to: last + batch, batch })
          const outcome = await pair.order({ do: "wait", until: (last += batch) })
          if (outcome.failure) return outcome
        }
        return pair.order({ do: "wait", until: last })
      })
      return (cpu * 1e6) / (count * batch * streams)
    }
    const empty = await pair.memory()
    await pair.order({ do: "open", count: streams, path: shapes[shape], atOnce: 256 })
    const connected = await pair.memory()
    await deliver(5, 1)
    const single = await deliver(EVENTS, 1)
    await deliver(1, BURST)
    const burst = await deliver(BURSTS, BURST)
    const { bytes: one } = await publishUnheard(pair, "unread")
    const { bytes, cpu } = await publishUnheard(pair, "unread/")
    return { single, burst, stream: (connected - empty) / streams, unheard: cpu, topic: bytes - one }
  } finally {
    await pair.stop()
  }
}

/** Publishes as many entries as there are topics. */
async function publishUnheard(pair: Pair, topic: string): Promise<{ bytes: number; cpu: number }> {
  const before = await pair.memory()
  const { cpu } = await pair.cpuOf(async () => {
    await pair.tell({ do: "publish", topic, from: 1, to: topics, size: 50 })
    return { seconds: 0, p50: 0, p99: 0, bytes: 0 }
  })
  await quiet(pair.pid)
  return { bytes: ((await pair.memory()) - before) * (1024 / topics), cpu: (cpu * 1e6) / topics }
}

console.log(
  `### own\n\n${streams} streams; ${topics} further topics that no stream has. Load ${figure(loadavg()[0] ?? 0)}.\n`,
)
const names = Object.keys(shapes) as Shape[]
const rounds: Record<Shape, Sample>[] = []
for (let run = 0; run < runs; run++) {
  const round: Partial<Record<Shape, Sample>> = {}
  for (const name of names) round[name] = await measure(name)
  rounds.push(round as Record<Shape, Sample>)
}
const shared = names[0] as Shape
const rows = names.map((name) => {
  const of = (metric: keyof Sample): string => spread(rounds.map((round) => round[name][metric]))
  const ratio = (metric: keyof Sample): string =>
    figure(median(rounds.map((round) => round[name][metric] / round[shared][metric])))
  return [name, of("single"), ratio("single"), of("burst"), ratio("burst"), of("stream"), of("unheard"), of("topic")]
})
const header = [
  "each stream has",
  "µs a delivery",
  "× shared",
  `µs a delivery, ${BURST} in a turn`,
  "× shared",
  "KiB a stream",
  "µs an entry without a stream",
  "bytes a topic",
]
console.log(markdown([header, ...rows]))
