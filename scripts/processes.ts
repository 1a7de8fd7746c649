import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { basename, dirname, join, resolve } from "node:path"
import { pathToFileURL } from "node:url"

/**
 * Files whose names end in `.slow.test.ts` run last: real browsers, kills, long streams. Those that end in `.long.test.ts` prove claims rather
 * than guard changes, and take minutes: only `npm run test:long` runs them.
 */
export type Pace = "fast" | "slow" | "long"

/** A process of the test run: its program, and the test files that the program loads. */
export interface TestProcess {
  readonly entry: string
  readonly files: readonly string[]
}

/**
 * The slowest files, which start first: a file of a minute that starts last delays the whole run. Each has a separate process, unless it shares a
 * browser.
 */
export const LONGEST: readonly string[] = [
  "packages/onward/test/client/browsers/shared.slow.test.ts",
  "packages/hub/test/page.slow.test.ts",
  "packages/onward/test/house/pack.slow.test.ts",
  "packages/hub/test/gateway/faithful.slow.test.ts",
  "packages/hub/test/gateway/processes.slow.test.ts",
  "packages/hub/test/stores.slow.test.ts",
  "packages/onward/test/hub/simulation.slow.test.ts",
  "packages/onward/test/client/large.slow.test.ts",
  "packages/onward/test/mcp/anywhere.slow.test.ts",
]

/** Most slow files of a process: they run one after the other, and the last process to end determines the time of the run. */
const SLOW_FILES = 5

/**
 * Assigns test files to processes, and writes the program of each into `folder`. Files of a folder share a process, because starting Node and
 * loading the library takes longer than the tests of most files; of the slow ones, a few do, or all that share a browser. A file has a separate
 * process if it is among the slowest, if it replaces globals, because a library that is already loaded would not use them, or would keep them,
 * and if it measures memory.
 */
export function createProcesses(folder: string, files: readonly string[], pace: Pace): TestProcess[] {
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }))
  const groups = Map.groupBy(files, (file) => sharedBy(file, pace))
  return longestFirst([...groups].flatMap(([shared, group]) => inParts(group, pace, shared))).map((group, index) => {
    // the runner starts files in the order of their names
    const place = join(folder, String(index).padStart(3, "0"))
    mkdirSync(place)
    const [first = ""] = group
    const entry = join(place, group.length === 1 ? basename(first) : `${dirname(first).replaceAll("/", "-")}.test.ts`)
    writeFileSync(entry, group.length === 1 ? loading(first) : sharing(group))
    return { entry, files: group }
  })
}

/** Names what a file shares with those of its process: a browser, a folder or, if it has a separate process, its path. */
function sharedBy(file: string, pace: Pace): string {
  if (pace === "long" || LONGEST.includes(file)) return file
  const code = readFileSync(file, "utf8")
  const [browser] = /\bshare(?:Browsers|Chromium)\(\)/.exec(code) ?? []
  if (browser !== undefined) return `${browser} ${workspaceOf(file)}`
  return replacesGlobals(file) || code.includes("memoryUsage") ? file : dirname(file)
}

const workspaceOf = (file: string): string => file.replace(/\/?test\/.*$/, "")

/** Splits slow files into equal parts, unless they share a browser. */
function inParts(group: readonly string[], pace: Pace, shared: string): (readonly string[])[] {
  if (pace !== "slow" || shared.includes("()")) return [group]
  const count = Math.ceil(group.length / SLOW_FILES)
  return Array.from({ length: count }, (_, part) => group.filter((_, at) => at % count === part))
}

/** Whether a test file, or a test helper that it imports, assigns to `globalThis`. */
function replacesGlobals(file: string, seen = new Set<string>()): boolean {
  if (seen.has(file)) return false
  seen.add(file)
  const code = readFileSync(file, "utf8")
  if (/\(globalThis,|globalThis\.\w+ = /.test(code)) return true
  const imports = [...code.matchAll(/^(?:import|export)\b.*? from "(\.[^"]+\.ts)"$/gm)].map(([, path = ""]) =>
    join(dirname(file), path),
  )
  return imports.some((path) => !path.includes("/src/") && existsSync(path) && replacesGlobals(path, seen))
}

function longestFirst(groups: readonly (readonly string[])[]): (readonly string[])[] {
  const rank = (group: readonly string[]): number => {
    if (group.length > SLOW_FILES) return -1
    const place = LONGEST.indexOf(group[0] ?? "")
    return place < 0 ? LONGEST.length : place
  }
  return groups.toSorted((a, b) => rank(a) - rank(b) || b.length - a.length)
}

const loading = (file: string): string => `await import(${JSON.stringify(pathToFileURL(resolve(file)).href)})\n`

/** Makes each file a suite with its name, so that its hooks apply to it only, and the events of the run name the running file. */
const sharing = (files: readonly string[]): string =>
  [
    `import { suite } from "node:test"`,
    ...files.map((file) => `suite(${JSON.stringify(file)}, async () => { ${loading(file).trim()} })`),
    "",
  ].join("\n")
