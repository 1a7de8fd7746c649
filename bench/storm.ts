// `npm run bench -- storm`: all clients are cut and resume at once, see docs/benchmarks.md.
import { mkdtempSync, rmSync } from "node:fs"
import { loadavg, tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { enterNamespace } from "./run/netns.ts"
import { figure, median, spread } from "./run/statistics.ts"
import { markdown } from "./run/tables.ts"
import type { Outcome } from "./scale/load.ts"
import { quiet, startPair } from "./scale/hub-process.ts"
import type { ServeOptions } from "./scale/serve.ts"

const { values: flags } = parseArgs({
  options: {
    clients: { type: "string", default: "10000" },
    missed: { type: "string", default: "50" },
    runs: { type: "string", default: "3" },
  },
})
const [clients, missed, runs] = [Number(flags.clients), Number(flags.missed), Number(flags.runs)]
/** Events that each client has received before it is cut. */
const BEFORE = 100
/** Streams that are opened and cut before anything is measured, so that the code of the hub is compiled. */
const WARM = 3_000
const path = "/events?topic=news"

enterNamespace()
const folder = mkdtempSync(join(tmpdir(), "onward-storm-"))

type Measured = Outcome & { readonly cpu: number }

interface Sample {
  readonly plain: Measured
  readonly resumed: Measured
  readonly reads: number
}

/** Connects all clients, cuts them, publishes, and lets all resume at once. */
async function storm(options: ServeOptions): Promise<Sample> {
  const pair = await startPair(options)
  try {
    const publish = async (from: number, to: number): Promise<string> =>
      (await pair.tell({ do: "publish", topic: "news", from, to })).id
    const start = await publish(1, BEFORE)
    // resumed too, so that both ways are compiled
    for (const how of [{}, { after: start, last: BEFORE }]) {
      await pair.order({ do: "open", count: WARM, path, ...how })
      await pair.order({ do: "cut" })
      await quiet(pair.pid)
    }
    const plain = await pair.cpuOf(() => pair.order({ do: "open", count: clients, path }))
    await pair.order({ do: "cut" })
    await quiet(pair.pid)
    await publish(BEFORE + 1, BEFORE + missed)
    await pair.usage()
    const until = BEFORE + missed
    const resumed = await pair.cpuOf(() =>
      pair.order({ do: "open", count: clients, path, after: start, last: BEFORE, until }),
    )
    const { reads } = await pair.usage()
    // each is live: it receives what is published now
    await publish(until + 1, until + 1)
    const { failure } = await pair.order({ do: "wait", until: until + 1 })
    if (failure) throw new Error(failure)
    return { plain, resumed, reads }
  } finally {
    await pair.stop()
  }
}

const shapes = [
  ["window", () => ({ log: { kind: "memory" } })],
  [
    "SQLite, window too small",
    (i) => ({ log: { kind: "sqlite", path: join(folder, `${i}.db`) }, window: { maxEntries: 10 } }),
  ],
] satisfies [string, (i: number) => ServeOptions][]

console.log(
  `### storm\n\n${clients} clients are cut and resume at once with \`Last-Event-ID\`; each missed ${missed} events of 200 bytes. Load ${figure(loadavg()[0] ?? 0)}.\n`,
)
try {
  const rows: string[][] = []
  for (const [name, optionsOf] of shapes) {
    const samples: Sample[] = []
    for (let i = 0; i < runs; i++) samples.push(await storm(optionsOf(i)))
    const of = (metric: (sample: Sample) => number): string => spread(samples.map(metric))
    rows.push([
      name,
      of(({ resumed }) => resumed.seconds),
      of(({ resumed }) => resumed.p99),
      of(({ resumed }) => (resumed.cpu * 1e6) / clients),
      of(({ plain }) => (plain.cpu * 1e6) / clients),
      figure(median(samples.map(({ plain, resumed }) => resumed.cpu / plain.cpu))),
      of(({ reads }) => reads),
    ])
  }
  const header = [
    "served from",
    "s until the last is live",
    "p99 ms",
    "µs CPU a client",
    "µs CPU a plain connect",
    "× plain",
    "reads of the log",
  ]
  console.log(markdown([header, ...rows]))
} finally {
  rmSync(folder, { recursive: true })
}
