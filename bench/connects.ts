// `npm run bench -- connects`, or this file with `[--connections 10000] [--rounds 3] [--no-netns]`: what a connect costs, in CPU of the server, and
// what an idle connection keeps, in resident memory. Servers run in turn, each in a process of its own. The first connects are those to a process
// that has just started; the second are made when all the first have left.
import { loadavg } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { parseArgs } from "node:util"
import type { LoadOptions } from "./load/options.ts"
import { startHub } from "./run/hub.ts"
import { memoryOf } from "./run/measure.ts"
import { enterNamespace } from "./run/netns.ts"
import { Helper } from "./run/process.ts"
import { figure, median } from "./run/statistics.ts"
import { markdown } from "./run/tables.ts"
import { cpuSeconds } from "./run/usage.ts"

const { values: flags } = parseArgs({
  allowNegative: true,
  options: {
    connections: { type: "string", default: "10000" },
    rounds: { type: "string", default: "3" },
    netns: { type: "boolean", default: true },
    profile: { type: "string" },
  },
})
const [connections, rounds] = [flags.connections, flags.rounds].map(Number) as [number, number]
if (flags.netns) enterNamespace()
// the hub refuses variables that begin like its own and that it does not know
delete process.env["ONWARD_BENCH_NETNS"]

interface Running {
  readonly helper: Helper
  readonly port: number
  readonly path: string
  stop(): Promise<void>
}

const serverFlags = ["--expose-gc", ...(flags.profile ? ["--cpu-prof", `--cpu-prof-dir=${flags.profile}`] : [])]

async function startServer(name: string): Promise<Running> {
  const helper = new Helper({ core: 0, flags: serverFlags, file: join(import.meta.dirname, "servers", `${name}.ts`) })
  const { port } = await helper.hear<{ port: number }>(20)
  return { helper, port, path: "/events", stop: () => helper.stop() }
}

async function serve(settings: object, more: readonly string[] = []): Promise<Running> {
  const { server: helper, port, stop } = await startHub(settings, [...serverFlags, ...more])
  return { helper, port, path: "/events?topic=t", stop }
}

const servers: readonly (readonly [name: string, start: () => Promise<Running>])[] = [
  ["node-http", () => startServer("node-http")],
  ["onward", () => startServer("onward")],
  ["onward serve", () => serve({})],
  ["onward serve, --max-semi-space-size=4", () => serve({}, ["--max-semi-space-size=4"])],
  ["onward serve, with metrics", () => serve({ admin: { port: 0 } })],
]

interface Costs {
  readonly first: number
  readonly second: number
  readonly kept: number
}

/** Opens all connections and returns what holds them, with the CPU in µs that each cost the server. */
async function connectAll({ helper, port, path }: Running): Promise<[generator: Helper, us: number]> {
  const options = { mode: "fan", connections, port, path } satisfies LoadOptions
  const before = cpuSeconds(helper.pid)
  const generator = new Helper({
    core: 1,
    file: join(import.meta.dirname, "load/main.ts"),
    args: [JSON.stringify(options)],
  })
  await generator.hear(60)
  await sleep(300)
  return [generator, ((cpuSeconds(helper.pid) - before) * 1e6) / connections]
}

async function measure(start: () => Promise<Running>): Promise<Costs> {
  const running = await start()
  try {
    await sleep(300)
    const { collected: empty } = await memoryOf(running.helper)
    const [generator, first] = await connectAll(running)
    await sleep(2_000)
    const { collected } = await memoryOf(running.helper)
    await generator.stop()
    await sleep(1_000)
    const [again, second] = await connectAll(running)
    await again.stop()
    return { first, second, kept: (collected - empty) / connections }
  } finally {
    await running.stop()
  }
}

const all = new Map<string, Costs[]>(servers.map(([name]) => [name, []]))
for (let round = 0; round < rounds; round++) {
  for (const [name, start] of servers) all.get(name)?.push(await measure(start))
}
const peers = all.get("node-http") as Costs[]
const column = (name: string, of: (costs: Costs) => number): string[] => {
  const costs = all.get(name) as Costs[]
  const ratios = costs.map((each, i) => of(each) / of(peers[i] as Costs))
  return [figure(median(costs.map(of))), median(ratios).toFixed(2)]
}
console.log(
  `### connects\n\n${connections} connections, medians of ${rounds} rounds, load ${loadavg()[0]?.toFixed(1)}.\n`,
)
const head = ["", "µs CPU a connect", "× node-http", "second time", "× node-http", "KiB a connection", "× node-http"]
const rows = servers.map(([name]) => [
  name,
  ...column(name, ({ first }) => first),
  ...column(name, ({ second }) => second),
  ...column(name, ({ kept }) => kept),
])
console.log(markdown([head, ...rows]))
