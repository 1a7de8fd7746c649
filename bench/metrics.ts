// `npm run bench -- metrics`, or this file with `[--streams 1000] [--events 200] [--rounds 5] [--no-netns]`: what metrics cost the hub: CPU of a
// delivery, of a publish and of a connect, with an admin port and without. Both hubs run the whole time, and rounds alternate between them.
import { loadavg } from "node:os"
import { setTimeout as sleep } from "node:timers/promises"
import { parseArgs } from "node:util"
import { close, openStreams, publish, startHub, type Hub } from "./run/hub.ts"
import { enterNamespace } from "./run/netns.ts"
import { figure, median } from "./run/statistics.ts"
import { markdown } from "./run/tables.ts"

const { values: flags } = parseArgs({
  allowNegative: true,
  options: {
    streams: { type: "string", default: "1000" },
    events: { type: "string", default: "200" },
    rounds: { type: "string", default: "5" },
    netns: { type: "boolean", default: true },
  },
})
const [streams, events, rounds] = [flags.streams, flags.events, flags.rounds].map(Number) as [number, number, number]
if (flags.netns) enterNamespace()
// the hub refuses variables that begin like its own and that it does not know
delete process.env["ONWARD_BENCH_NETNS"]

/** The CPU of a hub in µs during `work`, for each of `count`. */
async function spent(hub: Hub, count: number, work: () => Promise<void>): Promise<number> {
  const before = hub.cpu()
  await work()
  return ((hub.cpu() - before) * 1e6) / count
}

/** Publishes to a topic with `count` streams, and waits until the streams have received everything. */
async function deliver(hub: Hub, topic: string): Promise<void> {
  const streams = all.get(hub) ?? []
  const total = (): number => streams.reduce((sum, { bytes }) => sum + bytes, 0)
  for (let i = 0; i < events; i++) await publish(hub.port, topic)
  for (let before = -1; before !== total(); await sleep(200)) before = total()
}

async function connectAll(hub: Hub): Promise<void> {
  close(await openStreams(hub.port, streams, (i) => ({ topics: [`user/${i}`] })))
  await sleep(300)
}

const hubs = [await startHub({}), await startHub({ admin: { port: 0 } })]
const all = new Map(
  await Promise.all(
    hubs.map(async (hub) => [hub, await openStreams(hub.port, streams, () => ({ topics: ["shared"] }))] as const),
  ),
)
const measures: [what: string, count: number, work: (hub: Hub) => Promise<void>][] = [
  [`µs CPU of a delivery, ${streams} streams`, streams * events, (hub) => deliver(hub, "shared")],
  ["µs CPU of a publish without streams", events, (hub) => deliver(hub, "nobody")],
  ["µs CPU of a connect and disconnect", streams, connectAll],
]
const rows: string[][] = []
try {
  for (const [what, count, work] of measures) {
    const figures: [number[], number[]] = [[], []]
    // not counted: compiling
    for (const hub of hubs) for (let i = 0; i < 2; i++) await work(hub)
    for (let round = 0; round < rounds; round++) {
      for (const at of round % 2 === 0 ? [0, 1] : [1, 0]) {
        const hub = hubs[at] as Hub
        figures[at as 0 | 1].push(await spent(hub, count, () => work(hub)))
      }
    }
    const [without, having] = figures
    const ratios = without.map((figure, i) => (having[i] as number) / figure)
    rows.push([what, figure(median(without)), figure(median(having)), median(ratios).toFixed(3)])
  }
} finally {
  for (const streamsOf of all.values()) close(streamsOf)
  for (const hub of hubs) await hub.stop()
}
console.log(`### metrics\n\n${rounds} rounds, load ${loadavg()[0]?.toFixed(1)}.\n`)
console.log(markdown([["", "without", "with", "ratio"], ...rows]))
