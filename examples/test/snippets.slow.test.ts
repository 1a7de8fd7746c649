import assert from "node:assert/strict"
import { execFile } from "node:child_process"
import { globSync, readFileSync } from "node:fs"
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, test } from "node:test"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

const root = fileURLToPath(new URL("../..", import.meta.url))
const pages = globSync(["*.md", "docs/**/*.md", "packages/*/{README,SKILL}.md"], { cwd: root }).sort()

/**
 * What a reader's program has of its own. It has nothing of Onward's and of the clients': a page imports what it shows, at the
 * latest where it is shown first.
 */
const PROGRAM = `
declare global {
  const hub: import("onward").Hub, log: import("onward").Log, message: import("onward").Message
  const old: import("onward").Log, target: import("onward").Log
  const pool: import("pg").Pool
  const runs: import("onward/runs").Runs
  const clock: ReturnType<typeof import("onward/testing").createClock>
  const req: import("node:http").IncomingMessage, res: import("node:http").ServerResponse
  const server: import("node:http").Server
  const request: Request, response: Response & { readonly body: ReadableStream<Uint8Array> }
  const authorization: string, body: string, id: string, input: string, model: string, prompt: string, url: string
  const headers: Record<string, string>, provider: string, query: string, total: number, lastSequenceNumber: number
  const user: { readonly id: string, readonly name: string }
  const events: ReturnType<typeof import("onward").defineEvents<{
    price: import("onward").Schema<{ symbol: string; price: number }>
  }>>
  const sessions: Map<string | undefined, import("@modelcontextprotocol/node").NodeStreamableHTTPServerTransport>
  function token(): Promise<string>
  function userOf(request: Request): Promise<string>
  function sessionOf(req: import("node:http").IncomingMessage): {
    readonly id: string, readonly user: string, readonly expires: number, readonly ended: AbortSignal
  }
  function render(what: unknown): void
  function show(what: unknown): void
  function showThatItIsNotWhole(error: unknown): void
  function reload(reason: string): void
  function retryLater(what: unknown): void
  function reduce(list: unknown[], event: unknown): unknown[]
  function after(work: Promise<unknown>): void
  function createEmptyStore(): { remove(): Promise<void> }
  function jsonLinesLog(path: string, options?: unknown): Promise<import("onward").Log>
  function myLog(store: unknown, options: unknown): import("onward").Log
  const Bun: {
    serve(options: {
      fetch(request: Request, server: { timeout(request: Request, seconds: number): void }): Response | Promise<Response>
    }): void
  }
  class Elysia {
    get(path: string, handler: (context: {
      request: Request, server: { timeout(request: Request, seconds: number): void } | null
    }) => unknown): this
  }
  interface Order { readonly id: string; readonly total: number }
}
export {}
`

interface Snippet {
  /** Its page, and the line there that its first line is. */
  readonly page: string
  readonly line: number
  readonly code: string
  readonly isJsx: boolean
}

/** An app's own file is compiled in its folder, where its framework is: `npm run frameworks`. */
const OF_AN_APP = /<!-- examples\/[\w-]+\/[\w./-]+\.ts -->\n```ts\n[\s\S]*?^```$/gm

function snippetsOf(page: string): Snippet[] {
  // lines stay what they are
  const text = readFileSync(join(root, page), "utf8").replaceAll(OF_AN_APP, (snippet) => snippet.replaceAll(/.+/g, ""))
  return [...text.matchAll(/^```(ts|tsx|js)\n([\s\S]*?)^```$/gm)].map(({ index, 1: language, 2: code = "" }) => ({
    page,
    line: text.slice(0, index).split("\n").length + 1,
    code,
    isJsx: language === "tsx",
  }))
}

const IMPORT = /^import (?:type )?(?:(\w+)(?:, )?)?(?:\{([^}]*)\})? from "[^"]+"/gm

/** Imports by the names they bring. */
function importsOf(code: string): Map<string, string> {
  const imports = new Map<string, string>()
  for (const { 0: line, 1: whole, 2: names = "" } of code.matchAll(IMPORT)) {
    if (whole !== undefined) imports.set(whole, line.replace(/(?:, )?\{[^}]*\}/, ""))
    for (const name of names.split(",").map((part) => part.trim())) {
      const local = name.split(/\s/).at(-1) ?? ""
      if (local !== "") imports.set(local, line.replace(/import .* from/s, `import { ${name} } from`))
    }
  }
  return imports
}

let folder = ""
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "onward-snippets-"))
  await symlink(join(root, "node_modules"), join(folder, "node_modules"))
  await writeFile(join(folder, "program.d.ts"), PROGRAM)
  await writeFile(join(folder, "package.json"), JSON.stringify({ type: "module" }))
})
after(() => rm(folder, { recursive: true }))

test("snippets of the pages compile with the imports that the same page shows above them", async () => {
  const files = new Map<string, Snippet>()
  for (const page of pages) {
    const imported = new Map<string, string>()
    for (const [i, snippet] of snippetsOf(page).entries()) {
      const own = importsOf(snippet.code)
      const carried = [...imported].filter(([name]) => !own.has(name) && new RegExp(`\\b${name}\\b`).test(snippet.code))
      for (const [name, line] of own) imported.set(name, line)
      const file = `${page.replaceAll(/\W/g, "-")}-${i}.${snippet.isJsx ? "tsx" : "ts"}`
      files.set(file, snippet)
      // below, so that lines stay what they are
      await writeFile(join(folder, file), [snippet.code, ...carried.map(([, line]) => line), "export {}\n"].join("\n"))
    }
  }
  assert.ok(files.size > 50, `${files.size} snippets`)
  const config = {
    extends: join(root, "tsconfig.json"),
    compilerOptions: { noUnusedLocals: false, rootDir: "/", jsx: "react-jsx", experimentalDecorators: true },
    include: ["*.ts", "*.tsx"],
  }
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify(config))
  const { stdout } = await promisify(execFile)(join(root, "node_modules/.bin/tsc"), ["--project", folder]).catch(
    (error: unknown) => error as { stdout: string },
  )
  const inPages = stdout.replaceAll(/^(?:.*\/)?([\w-]+\.tsx?)\((\d+),/gm, (place, file: string, line: string) => {
    const snippet = files.get(file)
    return snippet ? `${snippet.page}:${snippet.line + Number(line) - 1} (` : place
  })
  assert.equal(inPages, "")
})
