// `npm run bench -- patterns`, or this file with `[--streams 10000] [--rounds 3] [--no-netns]`: what many different patterns cost the hub: the latency of a
// publish, and memory, with 10 patterns and with one for each stream. A publish reaches one stream in both cases.
import { readFileSync } from "node:fs"
import { loadavg } from "node:os"
import { setTimeout as sleep } from "node:timers/promises"
import { parseArgs } from "node:util"
import { close, openStreams, publish, startHub } from "./run/hub.ts"
import { enterNamespace } from "./run/netns.ts"
import { figure, median } from "./run/statistics.ts"
import { markdown } from "./run/tables.ts"

const { values: flags } = parseArgs({
  allowNegative: true,
  options: {
    streams: { type: "string", default: "10000" },
    rounds: { type: "string", default: "3" },
    netns: { type: "boolean", default: true },
  },
})
const [streams, rounds] = [flags.streams, flags.rounds].map(Number) as [number, number]
if (flags.netns) enterNamespace()
// the hub refuses variables that begin like its own and that it does not know
delete process.env["ONWARD_BENCH_NETNS"]

const WARM_UP = 300
const PUBLISHES = 3_000

interface Measured {
  /** In ms. */
  readonly p50: number
  readonly p99: number
  /** Resident memory of the hub for each stream, in KiB. */
  readonly memory: number
}

const residentKib = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1])

/** The first `patterns` streams have a pattern each, and the others a topic each. Publishes go to the former, by turns, each to another topic. */
async function measure(patterns: number): Promise<Measured> {
  const hub = await startHub({
    limits: { streams: 100_000, streamsPerAddress: 100_000, publishRate: 0, patternsPerAddress: 100_000 },
  })
  const before = residentKib(hub.pid)
  const all = await openStreams(hub.port, streams, (i) => ({ topics: [i < patterns ? `user/${i}/*` : `quiet/${i}`] }))
  try {
    await sleep(1_000)
    const memory = (residentKib(hub.pid) - before) / streams
    const times: number[] = []
    for (let i = 0; i < WARM_UP + PUBLISHES; i++) {
      const at = performance.now()
      await publish(hub.port, `user/${(i * 7_919) % patterns}/${i}`)
      if (i >= WARM_UP) times.push(performance.now() - at)
    }
    times.sort((a, b) => a - b)
    const at = (share: number): number => times[Math.ceil(times.length * share) - 1] as number
    return { p50: at(0.5), p99: at(0.99), memory }
  } finally {
    close(all)
    await hub.stop()
  }
}

const [few, many]: [Measured[], Measured[]] = [[], []]
// by turns, so that what else the machine does meets both
for (let round = 0; round < rounds; round++) {
  few.push(await measure(10))
  many.push(await measure(streams))
}
const row = (what: string, of: (measured: Measured) => number): string[] => {
  const [a, b] = [median(few.map(of)), median(many.map(of))]
  return [what, figure(a), figure(b), figure(b / a)]
}
console.log(`### patterns\n\n${streams} streams, ${rounds} rounds, load ${loadavg()[0]?.toFixed(1)}.\n`)
console.log(
  markdown([
    ["", "10 patterns", `${streams} patterns`, "ratio"],
    row("ms p50 of a publish", ({ p50 }) => p50),
    row("ms p99 of a publish", ({ p99 }) => p99),
    row("KiB for each stream", ({ memory }) => memory),
  ]),
)
