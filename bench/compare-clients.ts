/**
 * `npm run compare-clients -- [--write] [--only words of a row] [--client words of a column]`: what clients of event streams do, each cell
 * from a run against a server of sockets; `--write` puts the table into docs/client.md. Takes some six minutes, most of it waiting.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { check, isComplete, vectors } from "../packages/onward/test/client/run-vector.ts"
import type { Vector } from "../packages/onward/test/client/vector.ts"
import { clients, type Client } from "./compare/clients.ts"
import { node, observe, type Observation, type Stage } from "./compare/observe.ts"
import { openPages } from "./compare/pages.ts"
import { probes, type Probe } from "./compare/probes.ts"
import { sizeOf, versionOf } from "./compare/sizes.ts"
import { insert, SIZE, tableOf, VECTORS } from "./compare/table.ts"

/** So many scenes are played at a time: nearly all of it is waiting. */
const AT_ONCE = 6
/** How much longer than a vector says a client may take, in ms: it may wait by its own rules before it reconnects. */
const MORE = 3_000
const PEERS = ["eventsource", "@microsoft/fetch-event-source", "eventsource-client"]
const DOCUMENT = new URL("../docs/client.md", import.meta.url)

const { values: flags } = parseArgs({
  options: {
    write: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    client: { type: "string", default: "" },
  },
})
if (flags.write && flags.only + flags.client !== "") {
  console.error("--write puts in the whole table: leave out --only and --client")
  process.exit(2)
}
const chosen = clients.filter(({ name }) => name.includes(flags.client))
const rows = probes.filter(({ name }) => name.includes(flags.only))
const spec = vectors.filter(({ mode }) => mode === "spec" && VECTORS.includes(flags.only))

const cells = new Map<string, Map<string, string>>()
const deviations = new Map<string, string[]>(chosen.map(({ name }) => [name, []]))

function set(row: string, client: Client, cell: string): void {
  if (!cells.has(row)) cells.set(row, new Map())
  cells.get(row)?.set(client.name, cell)
}

await using pages = await openPages()
const stageOf = ({ where }: Client): Stage | undefined => (where === "chromium" ? pages : node)

async function ask(client: Client, probe: Probe): Promise<void> {
  const stage = stageOf(client)
  if (!stage) return set(probe.name, client, "not run: no Chromium")
  if (client.where && probe.task.isAlone) return set(probe.name, client, "–")
  const cell = probe.judge(await observe(client, probe, stage))
  const isOwn = cell === "yes" && probe.option && client.byFetch?.includes(probe.option)
  set(probe.name, client, isOwn ? "custom `fetch`" : cell)
}

/** What a client that is no `EventSource` is not held to: its own states and errors. */
function expectationOf({ expect }: Vector, { isEventSource = false }: Client): Vector["expect"] {
  const { opens: _opens, errors: _errors, errorStates: _states, finalState: _state, ...rest } = expect
  return isEventSource ? expect : rest
}

async function follows(client: Client, vector: Vector, stage: Stage): Promise<boolean> {
  const held = { ...vector, expect: expectationOf(vector, client) }
  let start: number | undefined
  // for as long as the vector says, in which there may be too much, then for what is still to come
  const isSeen = (seen: Observation): boolean =>
    performance.now() - (start ??= performance.now()) > vector.runMs && isComplete(held, seen, seen as never)
  const { types = [] } = vector.client
  // a process that has just started takes longer to ask than the vectors think
  const actions = vector.client.actions?.map(({ at = 0, ...action }) => ({ ...action, at: at + 140 })) ?? []
  const scene = { task: { types, actions }, server: vector.server, runMs: vector.runMs + MORE, isComplete: isSeen }
  const seen: Observation = await observe(client, scene, stage)
  try {
    check(held, seen, seen as never)
    return true
  } catch {
    return false
  }
}

async function holdTo(client: Client, vector: Vector): Promise<void> {
  const stage = stageOf(client)
  // a second chance, for a machine that was busy
  if (!stage || (await follows(client, vector, stage)) || (await follows(client, vector, stage))) return
  deviations.get(client.name)?.push(vector.name)
}

const work = chosen.flatMap((client) => [
  // the longest first
  ...rows.toSorted((a, b) => b.runMs - a.runMs).map((probe) => () => ask(client, probe)),
  ...spec.map((vector) => () => holdTo(client, vector)),
])
const long = work.filter((_, i) => i % (rows.length + spec.length) === 0 && rows.some(({ runMs }) => runMs > 60_000))
const short = work.filter((run) => !long.includes(run))
const waiting = long.map((run) => run())
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    for (let run = short.shift(); run; run = short.shift()) await run()
  }),
)
await Promise.all(waiting)

for (const client of chosen) {
  const { name, bundle } = client
  const failed = deviations.get(name)?.length ?? 0
  set(VECTORS, client, stageOf(client) ? `${spec.length - failed} of ${spec.length}` : "not run: no Chromium")
  set(SIZE, client, bundle ? ((await sizeOf(bundle)) / 1000).toFixed(1) : "built in")
}

const versions = PEERS.map((name) => `\`${name}\` ${versionOf(name)}`).join(", ")
const where = [`Node ${process.versions.node}`, pages?.version].filter(Boolean).join(", ")
const text = [
  tableOf(rows, chosen, cells),
  `Run with ${where}, ${versions}. Vectors that a client does not follow:`,
  [...deviations]
    .filter(([, names]) => names.length > 0)
    .map(([name, names]) => `- ${name}: ${names.sort().join(", ")}`)
    .join("\n"),
].join("\n\n")
console.log(text)
if (flags.write) writeFileSync(DOCUMENT, insert(readFileSync(DOCUMENT, "utf8"), text))
