// `npm run slow-readers -- [variant…] [--megabytes 100] [--healthy 1000] [--stalled 100] [--as-is] [--no-netns]`: what stalled
// readers cost the server's memory, and what they get when they wake. 100 MB to 1,000 readers are 100 GB through loopback.
import { mkdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import type { LoadOptions, LoadReport } from "./load/options.ts"
import { judge, memoryOf } from "./run/measure.ts"
import { enterNamespace } from "./run/netns.ts"
import { Helper } from "./run/process.ts"
import { figure } from "./run/statistics.ts"
import { markdown } from "./run/tables.ts"
import { residentKiB, watchMemory } from "./run/usage.ts"

const SIZE = 65_536
/** What is demanded of the process's growth, beyond what the log itself is told to keep in memory. */
const DEMANDED_MB = 64

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  allowNegative: true,
  options: {
    megabytes: { type: "string", default: "100" },
    healthy: { type: "string", default: "1000" },
    stalled: { type: "string", default: "100" },
    "as-is": { type: "boolean", default: false },
    netns: { type: "boolean", default: true },
  },
})
const [megabytes, healthy, stalled] = [Number(flags.megabytes), Number(flags.healthy), Number(flags.stalled)]
// left alone, V8 lets garbage of some 100 MB gather before it looks, which hides what is looked for: memory that is held
const TIDY = ["--max-semi-space-size=8", "--heap-growing-percent=20"]
const serverFlags = ["--expose-gc", ...(flags["as-is"] ? [] : TIDY)]
const folder = join(tmpdir(), `onward-slow-${process.pid}`)

interface Variant {
  readonly name: string
  readonly about: string
  readonly args: readonly string[]
  /** Megabytes that the log itself holds in the process at the end. */
  readonly logged: number
}

const variants: readonly Variant[] = [
  {
    name: "short",
    about: "memory log that keeps 16 MB",
    args: ["memory", "16000000"],
    logged: Math.min(16, megabytes),
  },
  { name: "long", about: "memory log that keeps all", args: ["memory", String(megabytes * 2e6)], logged: megabytes },
  { name: "sqlite", about: "SQLite log that keeps all", args: ["sqlite", join(folder, "events.db")], logged: 0 },
]

if (
  positionals.some((name) => !variants.some((variant) => variant.name === name)) ||
  !(megabytes > 0 && healthy > 0 && stalled >= 0)
) {
  console.error(`variants: ${variants.map(({ name, about }) => `${name} (${about})`).join(", ")}`)
  process.exit(2)
}
const note = flags.netns ? enterNamespace() : undefined
if (note) console.log(`Note: ${note}.`)
console.log(
  `${healthy} healthy and ${stalled} stalled readers, ${megabytes} MB in events of 64 KiB; memory of the server's process in MB, ${flags["as-is"] ? "garbage collected as Node likes" : `garbage collected early (${TIDY.join(" ")})`}.\n`,
)
const header = [
  "log",
  "seconds",
  "grown, most",
  "at the end",
  "less the log",
  "demanded",
  "waking, seconds",
  "grown, most",
  "stalled readers got",
  "verdict",
]
const rows: string[][] = []
mkdirSync(folder)
try {
  for (const variant of variants)
    if (positionals.length === 0 || positionals.includes(variant.name)) rows.push(await run(variant))
} finally {
  rmSync(folder, { recursive: true, force: true })
}
console.log(markdown([header, ...rows]))
if (rows.some((row) => row.at(-1) !== "met")) process.exitCode = 1

async function run({ about, args, logged }: Variant): Promise<string[]> {
  const count = Math.ceil((megabytes * 1e6) / SIZE)
  const server = new Helper({
    core: 0,
    flags: serverFlags,
    file: join(import.meta.dirname, "servers/onward-log.ts"),
    args,
  })
  let generator: Helper | undefined
  try {
    const { port } = await server.hear<{ port: number }>(20)
    const load: LoadOptions = {
      mode: "fan",
      port,
      connections: healthy + stalled,
      stalled,
      wake: true,
      count,
      size: SIZE,
      burst: 1,
      window: 4,
      grace: 300,
    }
    generator = new Helper({ core: 1, file: join(import.meta.dirname, "load/main.ts"), args: [JSON.stringify(load)] })
    await generator.hear()
    const before = (await memoryOf(server)).collected
    const grown = (kib: number): number => ((kib - before) * 1024) / 1e6
    const publishing = watchMemory(server.pid)
    generator.say("go")
    const report = await generator.hear<LoadReport>(3600)
    const most = grown(publishing.stop())
    const end = grown(residentKiB(server.pid))
    await generator.hear()
    const waking = watchMemory(server.pid)
    generator.say("wake")
    const awake = await generator.hear<LoadReport>(3600)
    const mostAwake = grown(waking.stop())
    const failure = judge(report, {}) ?? judge(awake, {})
    const met = most - logged <= DEMANDED_MB
    return [
      about,
      figure(report.seconds),
      figure(most),
      figure(end),
      figure(most - logged),
      `≤ ${DEMANDED_MB}`,
      figure(awake.seconds),
      figure(mostAwake),
      `${awake.done.toLocaleString("en")} events, ${awake.gaps} gaps for ${awake.skipped.toLocaleString("en")} more`,
      failure ? `FAILED: ${failure}` : met ? "met" : "NOT MET",
    ]
  } finally {
    await generator?.stop()
    await server.stop()
  }
}
