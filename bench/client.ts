/**
 * The client beside its peers: events from a server in another process, over loopback.
 * Run: `node --conditions=onward-source bench/client.ts [--rounds 5] [words a contender's name must hold]`
 *
 * Each measurement has a process of its own, and all contenders take turns, so that what else the machine does hits all; a ratio is
 * the median of the ratios to ours within each round. CPU is the consumer's, user and system, all its threads.
 */
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { parseArgs } from "node:util"
import { contenders } from "./clients/consume.ts"
import type { Cost } from "./clients/consumer.ts"
import { shapes, type Shape } from "./clients/shapes.ts"
import { Helper, shortcomings } from "./run/process.ts"
import { median, spread } from "./run/statistics.ts"
import { residentKiB } from "./run/usage.ts"

/** What the others are compared with. */
const OURS = "onward `stream`"
/** How long a server may write to a consumer that takes nothing, in ms, and what it may get rid of, in bytes. */
const STALL = 3_000
const STALL_BYTES = 250e6

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string", default: "5" } },
})
const names = Object.keys(contenders).filter((name) => positionals.every((word) => name.includes(word)))
const rounds = Number(flags.rounds)

const server = new Helper({ core: 0, file: join(import.meta.dirname, "clients/source.ts") })
const { port } = await server.hear<{ port: number }>()

function start(name: string, shape: string): Helper {
  return new Helper({
    core: 1,
    flags: contenders[name]?.flags ?? [],
    file: join(import.meta.dirname, "clients/consumer.ts"),
    args: [name, String(port), shape],
  })
}

async function measure(name: string, { name: shape }: Shape): Promise<Cost> {
  const consumer = start(name, shape)
  try {
    return await consumer.hear<Cost>()
  } finally {
    await consumer.stop()
  }
}

interface Stalled {
  /** MB that the server could write, and that the consumer grew by, after it took its last event. */
  readonly written: number
  readonly grown: number
}

async function stall(name: string): Promise<Stalled> {
  const consumer = start(name, "stalled")
  try {
    await consumer.hear()
    const before = residentKiB(consumer.pid)
    server.say("")
    await server.hear()
    let written = 0
    for (const until = performance.now() + STALL; performance.now() < until && written < STALL_BYTES;) {
      await sleep(50)
      server.say("")
      written += (await server.hear<{ written: number }>()).written
    }
    return { written: written / 1e6, grown: ((residentKiB(consumer.pid) - before) * 1024) / 1e6 }
  } finally {
    await consumer.stop()
  }
}

/** For each contender what came out in each round. */
async function inTurn<T>(run: (name: string) => Promise<T>, count: number): Promise<Map<string, T[]>> {
  const results = new Map<string, T[]>(names.map((name) => [name, []]))
  for (let round = 0; round < count; round++) {
    // another one begins each round, so that nobody always follows the same neighbour
    for (let i = 0; i < names.length; i++) {
      const name = names[(i + round) % names.length] as string
      results.get(name)?.push(await run(name))
    }
  }
  return results
}

const line = (...cells: readonly string[]): void => console.log(`| ${cells.join(" | ")} |`)

console.log(`Node ${process.versions.node}, median (least–most) of ${rounds} rounds.`)
for (const note of shortcomings) console.log(`Note: ${note}.`)
for (const shape of shapes) {
  const costs = await inTurn((name) => measure(name, shape), rounds)
  const ours = costs.get(OURS)
  const isFlood = shape.streams === 1
  console.log("")
  line(shape.name, ...(isFlood ? ["kev/s"] : []), "CPU µs an event", `CPU × ${OURS}`)
  line("---", ...(isFlood ? ["---:"] : []), "---:", "---:")
  for (const [name, costs_] of costs) {
    const speeds = costs_.map(({ seconds }) => shape.events / seconds / 1000)
    line(
      name,
      ...(isFlood ? [spread(speeds)] : []),
      spread(costs_.map(({ cpu }) => (cpu * 1e6) / shape.events)),
      ours ? median(costs_.map(({ cpu }, round) => cpu / (ours[round] as Cost).cpu)).toFixed(2) : "–",
    )
  }
}
const stalled = await inTurn(stall, Math.min(3, rounds))
console.log("")
line("a consumer that stops", `MB taken from the server in ${STALL / 1000} s`, "MB grown")
line("---", "---:", "---:")
for (const [name, results] of stalled) {
  line(name, spread(results.map(({ written }) => written)), spread(results.map(({ grown }) => grown)))
}
await server.stop()
