import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, dirname, join } from "node:path"
import { after, before, test } from "node:test"
import { postgresSchema } from "../../src/log/postgres/index.ts"
import { packageRoot, repositoryRoot } from "./imports.ts"

/** What `npm pack --json` says about a tarball. */
interface Tarball {
  readonly filename: string
  readonly files: readonly { readonly path: string }[]
}

const PACKAGES = ["onward", "onward-hub"]
const folder = mkdtempSync(join(tmpdir(), "onward-pack-"))
const project = join(folder, "project")
const { exports } = JSON.parse(readFileSync(join(packageRoot, "package.json"), "utf8")) as { exports: object }
const entries = Object.keys(exports)
  .filter((path) => path !== "./package.json")
  .map((path) => join("onward", path))

/** Whoever installs the packages has none of the flags and settings this suite runs with. */
const { NODE_OPTIONS: _flags, npm_config_local_prefix: _workspace, ...inherited } = process.env
const env = { ...inherited, PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH}` }

function run(program: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, env, encoding: "utf8" })
  assert.equal(status, 0, `${program} ${args.join(" ")}\n${stdout}${stderr}`)
  return stdout
}

function pack(into: string): Tarball[] {
  mkdirSync(join(folder, into))
  const workspaces = PACKAGES.map((name) => `--workspace=${name}`)
  const args = ["pack", "--json", "--ignore-scripts", "--pack-destination", join(folder, into), ...workspaces]
  const packed: unknown = JSON.parse(run("npm", args, repositoryRoot))
  return Object.values(packed as Record<string, Tarball>)
}

let tarballs: Tarball[] = []

/** Whether the build is newer than all that it is made of: `npm test` has just built. */
function isBuilt(): boolean {
  const timeOf = (path: string): number => statSync(join(repositoryRoot, path)).mtimeMs
  const outputs = ["packages/onward/dist/index.js", "packages/hub/dist/bin.js"]
  const inputs = globSync(
    ["packages/*/{src,page}/**/*", "packages/*/{package,tsconfig.build}.json", "{docs/**/*,*.md}"],
    {
      cwd: repositoryRoot,
      exclude: ["packages/*/README.md"],
    },
  )
  if (!outputs.every((path) => existsSync(join(repositoryRoot, path)))) return false
  return Math.min(...outputs.map(timeOf)) > Math.max(...inputs.map(timeOf))
}

before(() => {
  if (!isBuilt()) run("npm", ["run", "build"], repositoryRoot)
  tarballs = pack("first")
  mkdirSync(project)
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "project", private: true, type: "module" }))
  const files = tarballs.map(({ filename }) => join(folder, "first", filename))
  run("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", ...files], project)
  // the one peer that an entry imports when it runs; of the others there are types at most
  cpSync(join(repositoryRoot, "node_modules/react"), join(project, "node_modules/react"), { recursive: true })
})

after(() => rmSync(folder, { recursive: true }))

test("packing twice gives the same bytes", () => {
  assert.equal(tarballs.length, PACKAGES.length)
  for (const { filename } of pack("second")) {
    const [first, second] = ["first", "second"].map((each) => readFileSync(join(folder, each, filename)))
    assert.ok(first && second && first.equals(second), filename)
  }
})

test("each tarball holds its licence, its README and its build, and no tests", () => {
  assert.ok(
    tarballs[0]?.files.some(({ path }) => path === "SKILL.md"),
    "the library has one for coding agents",
  )
  for (const { filename, files } of tarballs) {
    const paths = files.map((file) => file.path)
    for (const path of ["LICENSE", "README.md", "package.json"]) assert.ok(paths.includes(path), `${filename}: ${path}`)
    assert.ok(paths.some((path) => path.startsWith("dist/")))
    const surplus = paths.filter((path) => /(?:^|\/)test\/|\.test\.|tsconfig|\.tsbuildinfo$/.test(path))
    assert.deepEqual(surplus, [], filename)
  }
})

test("the package contains the SQL for PostgreSQL as a file, equal to postgresSchema()", () => {
  const file = readFileSync(join(project, "node_modules/onward/sql/postgres.sql"), "utf8")
  assert.equal(file, postgresSchema())
})

test("every source map names a source in the tarball", () => {
  for (const { files } of tarballs) {
    const paths = new Set(files.map((file) => file.path))
    const built = [...paths].filter((path) => path.startsWith("dist/") && path.endsWith(".map"))
    assert.ok(built.length > 0)
    for (const path of built) {
      const source = path.replace(/^dist/, "src").replace(/(?:\.d\.ts|\.js)\.map$/, ".ts")
      assert.ok(paths.has(source), `${path} without ${source}`)
    }
  }
})

test("every entry can be imported from the installed package", () => {
  const script = `
    const counts = {}
    for (const entry of ${JSON.stringify(entries)}) counts[entry] = Object.keys(await import(entry)).length
    console.log(JSON.stringify(counts))`
  const counts = JSON.parse(run(process.execPath, ["--input-type=module", "--eval", script], project)) as object
  assert.deepEqual(Object.keys(counts), entries)
  for (const [entry, count] of Object.entries(counts)) assert.ok(count > 0, `${entry} exports nothing`)
})

test("CommonJS programs can require every entry", () => {
  const script = `for (const entry of ${JSON.stringify(entries)}) if (Object.keys(require(entry)).length === 0) throw entry`
  run(process.execPath, ["--input-type=commonjs", "--eval", script], project)
})

test("a hub on a file serves its history from the installed package", () => {
  const script = `
    import { once } from "node:events"
    import { createServer } from "node:http"
    import { createHub } from "onward"
    import { sse } from "onward/node"
    import { sqliteLog } from "onward/sqlite"
    const hub = createHub({ log: sqliteLog("events.db") })
    const server = createServer((req, res) => sse(req, res, hub.subscribe({ topics: ["news"] }))).listen(0, "127.0.0.1")
    await once(server, "listening")
    await hub.publish({ topic: "news", data: "kept" })
    const { port } = server.address()
    const { body } = await fetch(\`http://127.0.0.1:\${port}/?last_event_id=earliest\`)
    let text = ""
    for await (const chunk of body.pipeThrough(new TextDecoderStream())) if ((text += chunk).includes("data: kept")) break
    await hub.close()
    server.close()
    console.log("served")`
  assert.match(run(process.execPath, ["--input-type=module", "--eval", script], project), /served/)
})

/** Entries whose types extend their framework's: whoever imports them has it. */
const EXTENDS = new Set(["onward/fastify"])

function compile(file: string, source: string, ...more: string[]): string {
  writeFileSync(join(project, file), source)
  const tsc = join(repositoryRoot, "node_modules/.bin/tsc")
  const options = [
    "--noEmit",
    "--strict",
    "--module",
    "nodenext",
    "--target",
    "es2023",
    "--types",
    "node",
    ...more,
    file,
  ]
  return run(tsc, options, project)
}

/** Libraries of TypeScript that users have: all by default, or none of the browser's. */
for (const [name, more] of Object.entries({ "": [], " and without the DOM library": ["--lib", "es2022"] })) {
  test(`TypeScript users get types from every entry without skipLibCheck, without any framework${name}`, () => {
    for (const types of ["@types/node", "undici-types"]) {
      cpSync(join(repositoryRoot, "node_modules", types), join(project, "node_modules", types), { recursive: true })
    }
    const source = entries
      .filter((entry) => !EXTENDS.has(entry))
      .map((entry, index) => `import * as entry${index} from "${entry}"\nvoid entry${index}\n`)
    assert.equal(compile("types.ts", source.join(""), ...more), "")
  })
}

test("with Fastify installed, its routes have the option `sse`", () => {
  symlinkSync(join(repositoryRoot, "node_modules/fastify"), join(project, "node_modules/fastify"))
  const source = `
    import fastify from "fastify"
    import { createHub } from "onward"
    import { sse, ssePlugin } from "onward/fastify"
    const [app, hub] = [fastify(), createHub()]
    await app.register(ssePlugin, { hub, duration: 1_000 })
    app.get("/events", { sse: { retry: 500 } }, () => hub.subscribe({ topics: ["news"] }))
    app.get<{ Params: { id: string } }>("/users/:id", (request, reply) =>
      sse(request, reply, hub.subscribe({ topics: [request.params.id] })))`
  assert.equal(compile("fastify.ts", source), "")
})

test("onward-hub says what to install for a log whose client is missing", () => {
  const clients = { redis: "ioredis", postgres: "pg", nats: "@nats-io/transport-node" }
  for (const [scheme, client] of Object.entries(clients)) {
    const args = ["node_modules/.bin/onward", "serve", "--port", "0", "--log", `${scheme}://127.0.0.1`]
    const { status, stderr } = spawnSync(process.execPath, args, { cwd: project, env, encoding: "utf8" })
    const line = `onward: This log needs the package ${client}, which is not installed. Run npm install ${client}.\n`
    assert.deepEqual({ status, stderr }, { status: 2, stderr: line })
  }
})

test("onward-hub finds the client of a log also in the folder in which it is started, because npx installs it elsewhere", () => {
  const elsewhere = join(folder, "elsewhere")
  mkdirSync(join(elsewhere, "node_modules"), { recursive: true })
  symlinkSync(join(repositoryRoot, "node_modules/pg"), join(elsewhere, "node_modules/pg"))
  const args = [join(project, "node_modules/.bin/onward"), "serve", "--port", "0", "--log", "postgres://127.0.0.1:1"]
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: elsewhere, env, encoding: "utf8" })
  assert.match(stderr, /^onward: The log at postgres:\/\/127\.0\.0\.1:1 cannot be used: [^\n]*\(log_unavailable\)\n$/)
  assert.equal(status, 1)
})

test("onward-hub has the command `onward`, which npx finds under both names", () => {
  for (const name of ["onward", "onward-hub"]) {
    assert.match(run("npx", ["--no", "--", name, "--help"], project), /onward serve/, name)
  }
})
