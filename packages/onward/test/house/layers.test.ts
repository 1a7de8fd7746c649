import assert from "node:assert/strict"
import { join } from "node:path"
import { test } from "node:test"
import { type Import, imports, repositoryRoot, sourceFiles, specifiersOf, src } from "./imports.ts"

const hubSrc = join(repositoryRoot, "packages/hub/src")

/** Which layers a layer imports, see ARCHITECTURE.md. A folder is a layer; the files next to the folders are the ground. */
const LAYERS: Record<string, readonly string[]> = {
  ground: [],
  protocol: ["ground"],
  log: ["ground"],
  hub: ["ground", "protocol", "log"],
  server: ["ground", "protocol", "log", "hub"],
  node: ["ground", "server"],
  web: ["ground", "server"],
  adapters: ["ground", "hub", "server", "node", "web"],
  runs: ["ground", "protocol", "log", "hub", "server", "web"],
  "resumable-stream": ["ground", "log", "hub", "runs"],
  attendance: ["ground", "log", "hub"],
  mcp: ["ground", "protocol", "log", "hub", "server"],
  openapi: ["ground"],
  opentelemetry: ["ground", "hub", "runs"],
  client: ["ground", "protocol"],
  "run-client": ["ground", "protocol", "client", "runs"],
  react: ["ground", "client"],
  testing: ["ground", "protocol"],
  /** The package's main entry: it only re-exports. */
  "index.ts": ["ground", "protocol", "log", "hub"],
}

/** In these folders no part imports another. */
const SEPARATE: Record<string, RegExp> = {
  adapters: /^adapters\/([^/.]+)/,
  log: /^log\/(?!driver\/)([^/]+(?=\/))/,
}

/** Drivers that the index.ts of their layer exports, because they need only JavaScript. */
const PART_OF_LAYER = new Set(["log/memory"])

/** Only these may import Node; all other files run in browsers too. */
const NEEDS_NODE = /^(?:log\/sqlite|node|client\/node|testing\/node)\b/

/** Optional peers, and the files that may import them: React; of the others only types, which the test of the tarball checks. */
const PEERS: Readonly<Record<string, RegExp>> = {
  react: /^react\/use-event-stream\.ts$/,
  fastify: /^adapters\/fastify\.ts$/,
  "@opentelemetry/api": /^opentelemetry\//,
}

function layerOf(file: string): string {
  if (file === "index.ts") return file
  return file.includes("/") ? file.slice(0, file.indexOf("/")) : "ground"
}

function partOf(file: string): string | undefined {
  const layer = layerOf(file)
  const part = SEPARATE[layer]?.exec(file)?.[1]
  return part === undefined ? undefined : `${layer}/${part}`
}

const say = ({ from, to }: Import): string => `${from} imports ${to}`
const inside = (): Import[] => imports().filter((each) => !each.bare)

test("imports are found in every syntax", () => {
  const source = [
    'import { a } from "./a.ts"',
    'import type {\n  B,\n  C,\n} from "./b.ts"',
    'export * from "./c.ts"',
    'import "./d.ts"',
    'const e = await import("./e.ts")',
    'type F = import("./f.ts").F',
    ' * import { no } from "./comment.ts"',
    '// const no = import("./comment.ts")',
  ].join("\n")
  assert.deepEqual(specifiersOf(source).sort(), ["./a.ts", "./b.ts", "./c.ts", "./d.ts", "./e.ts", "./f.ts"])
})

test("every folder of src is in the table of layers", () => {
  const unlisted = sourceFiles().filter((file) => !(layerOf(file) in LAYERS))
  assert.deepEqual(unlisted, [], "give the folder a layer in this test and in ARCHITECTURE.md")
})

test("no layer imports a layer that is not below it, types included", () => {
  const wrong = inside().filter(({ from, to }) => {
    const [here, there] = [layerOf(from), layerOf(to)]
    return here !== there && !LAYERS[here]?.includes(there)
  })
  assert.deepEqual(wrong.map(say), [], "move what is shared down to a layer that both import")
})

test("adapters and drivers do not import each other", () => {
  const wrong = inside().filter(({ from, to }) => {
    const [here, there] = [partOf(from), partOf(to)]
    if (here === there || there === undefined) return false
    if (here === undefined && layerOf(from) === layerOf(to)) return !PART_OF_LAYER.has(there)
    return here !== undefined
  })
  assert.deepEqual(wrong.map(say), [], "move what they share down to the layer below")
})

test("a folder is imported through its index.ts, and the ground file by file", () => {
  const wrong = inside().filter(({ from, to }) => {
    const there = layerOf(to)
    return there !== layerOf(from) && there !== "ground" && to !== `${there}/index.ts`
  })
  assert.deepEqual(wrong.map(say), [])
})

for (const [name, folder] of [["onward", src] as const, ["onward-hub", hubSrc] as const]) {
  test(`no imports in ${name} form a cycle, types included`, () => {
    const graph = Map.groupBy(
      imports(folder).filter((each) => !each.bare),
      ({ from }) => from,
    )
    const done = new Set<string>()
    const circles: string[] = []
    const visit = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(" → "))
      else if (!done.has(file)) {
        for (const { to } of graph.get(file) ?? []) visit(to, [...path, file])
        done.add(file)
      }
    }
    for (const file of graph.keys()) visit(file, [])
    assert.deepEqual(circles, [])
  })
}

test("the hub and the examples use the library through its public entries", () => {
  const wrong = [hubSrc, join(repositoryRoot, "examples")].flatMap((folder) =>
    imports(folder).filter(({ to, bare }) => !bare && to.startsWith("..")),
  )
  // tests have tools in common
  const isOfTests = ({ from, to }: Import): boolean => from.startsWith("test/") && to.includes("onward/test/")
  assert.deepEqual(wrong.filter((each) => !isOfTests(each)).map(say), [])
})

test("only drivers and adapters that need Node import it, and the only packages imported are optional peers", () => {
  const wrong = imports().filter(
    ({ from, to, bare }) => bare && !(to.startsWith("node:") && NEEDS_NODE.test(from)) && !PEERS[to]?.test(from),
  )
  assert.deepEqual(wrong.map(say), [])
})
