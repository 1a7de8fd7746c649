import { readFileSync, writeFileSync } from "node:fs"
import { run } from "node:test"

/** The columns, and the tests that must pass for a ✓ in each. */
export const CASES: Readonly<Record<string, RegExp>> = {
  hello: /^the head is what an event stream needs/,
  broadcast: /^what is published reaches everyone/,
  resume: /^a client carries on where it was/,
  "own source": / is streamed, and its end is the end$/,
  POST: /^a stream that has its end says so|^the client of a POST|^a POST is streamed from its body/,
  FIN: /goes by (?:closing|dropping) the connection$/,
  RST: /goes by a reset$/,
  "half-close": /goes by a half-close$/,
  cancel: /goes by (?:cancelling|aborting|a stream error)/,
  "error before": /^what throws at once is answered 500/,
  "error after": /^what throws later is stream\.error/,
  "slow reader": /^a source is not pulled while its client does not read/,
  drain: /^a hub that drains/,
  HEAD: /^HEAD has the head and no body/,
  CORS: /^only listed origins/,
}

const FILE = new URL("../docs/adapters.md", import.meta.url)

/** The results of a test run: for each kind of server, the names of tests and whether they passed; and the diagnostics of tests. */
export interface Findings {
  readonly servers: Map<string, Map<string, boolean>>
  readonly remarks: readonly string[]
  readonly hasFailed: boolean
}

/** Runs test files, only tests whose names match `names`. */
export async function findings(files: string[], names: RegExp[] = []): Promise<Findings> {
  const servers = new Map<string, Map<string, boolean>>()
  const remarks: string[] = []
  let hasFailed = false
  const note = (name: string, passed: boolean): void => {
    const [, server = "", sentence = ""] = /^(.*?): (.*)$/.exec(name) ?? []
    if (!sentence.startsWith('lacks "') && !Object.values(CASES).some((pattern) => pattern.test(sentence))) return
    if (!servers.has(server)) servers.set(server, new Map())
    servers.get(server)?.set(sentence, passed)
  }
  const stream = run({ files, concurrency: 2, execArgv: ["--conditions=onward-source"], testNamePatterns: names })
  stream.on("test:pass", ({ name, skip }) => skip === undefined && note(name, true))
  stream.on("test:fail", ({ name, details }) => {
    note(name, false)
    hasFailed = true
    console.log(`FAILED ${name}`, details.error.cause ?? details.error)
  })
  stream.on("test:diagnostic", ({ message }) => remarks.push(message))
  // the stream must be read, but only its events are used
  for await (const _ of stream);
  // a name with a colon is not a server's: every server has the case `hello`
  for (const [server, sentences] of servers) if (cell(sentences, "hello") === "–") servers.delete(server)
  return { servers, remarks, hasFailed }
}

function cell(sentences: ReadonlyMap<string, boolean>, title: string): string {
  const pattern = CASES[title] as RegExp
  const lacks = `lacks "${title}"`
  const outcomes = [...sentences].flatMap(([sentence, passed]) =>
    sentence.startsWith(lacks) ? [false] : pattern.test(sentence) ? [passed] : [],
  )
  if (outcomes.length === 0) return "–"
  return outcomes.every(Boolean) ? "✓" : "✗"
}

/** Returns a server's row: its name, and a cell for each case. */
export const rowOf = (server: string, sentences: ReadonlyMap<string, boolean>): string[] => [
  server,
  ...Object.keys(CASES).map((title) => cell(sentences, title)),
]

/** Joins rows with equal cells into one, with the names of all. */
function joinEqual(rows: readonly (readonly string[])[]): string[][] {
  const names = Map.groupBy(rows, ([, ...cells]) => cells.join(" | "))
  return [...names].map(([cells, equal]) => [equal.map(([name]) => name).join("; "), cells])
}

/** Replaces the command's rows in docs/adapters.md. */
export function writeTable(command: string, rows: readonly (readonly string[])[], more: readonly string[] = []): void {
  const header = ["", ...Object.keys(CASES), ...more]
  const table = [header, header.map(() => "---"), ...joinEqual(rows)]
    .map((cells) => `| ${cells.join(" | ")} |\n`)
    .join("")
  const fenced = new RegExp(`(<!-- ${command} -->\n)[^]*?(<!-- end -->)`)
  writeFileSync(
    FILE,
    readFileSync(FILE, "utf8").replace(fenced, (_, begin, end) => `${begin}\n${table}\n${end}`),
  )
}
