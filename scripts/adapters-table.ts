// npm run adapters: runs the tests that all adapters share, and writes what passed into docs/adapters.md.
import { globSync, readFileSync, writeFileSync } from "node:fs"
import { run } from "node:test"

/** Columns, and the tests a cell stands for: all of them passed. */
const CASES: Readonly<Record<string, RegExp>> = {
  hello: /^the head is what an event stream needs/,
  broadcast: /^what is published reaches everyone/,
  resume: /^a client carries on where it was/,
  "own source": / is streamed, and its end is the end$/,
  POST: /^a stream that has its end says so|^the client of a POST/,
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
const FENCED = /(<!-- npm run adapters -->\n)[^]*?(<!-- end -->)/

/** Of each kind of server, the shared tests by their sentence, and whether they passed. */
async function results(): Promise<Map<string, Map<string, boolean>>> {
  const files = globSync("packages/onward/test/adapters/*.test.ts")
  const found = new Map<string, Map<string, boolean>>()
  const note = (name: string, passed: boolean): void => {
    const [, server = "", sentence = ""] = /^(.*?): (.*)$/.exec(name) ?? []
    if (!Object.values(CASES).some((pattern) => pattern.test(sentence))) return
    if (!found.has(server)) found.set(server, new Map())
    found.get(server)?.set(sentence, passed)
  }
  const stream = run({ files, concurrency: 2, execArgv: ["--conditions=onward-source"] })
  stream.on("test:pass", ({ name }) => note(name, true))
  stream.on("test:fail", ({ name }) => note(name, false))
  // what a stream of tests says is wanted only as events
  for await (const _ of stream);
  return found
}

function cell(sentences: ReadonlyMap<string, boolean>, pattern: RegExp): string {
  const outcomes = [...sentences].flatMap(([sentence, passed]) => (pattern.test(sentence) ? [passed] : []))
  if (outcomes.length === 0) return "–"
  return outcomes.every(Boolean) ? "✓" : "✗"
}

const rows = [...(await results())]
  // a sentence with a colon is no server: every server says hello
  .filter(([, sentences]) => cell(sentences, CASES.hello as RegExp) !== "–")
  .map(([server, sentences]) => [server, ...Object.values(CASES).map((pattern) => cell(sentences, pattern))])
const header = ["", ...Object.keys(CASES)]
const table = [header, header.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |\n`).join("")
writeFileSync(
  FILE,
  readFileSync(FILE, "utf8").replace(FENCED, (_, begin, end) => `${begin}\n${table}\n${end}`),
)
const failed = rows.filter((cells) => cells.includes("✗")).map(([server]) => server)
console.log(failed.length > 0 ? `failed: ${failed.join(", ")}` : `${rows.length} servers, ${header.length - 1} cases`)
process.exitCode = failed.length > 0 ? 1 : 0
