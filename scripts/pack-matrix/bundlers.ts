import { globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { execute, type Outcome } from "../command.ts"
import { projectFolder, toolsFolder } from "./install.ts"

/** A page's program: what it prints says that its parts are there. It opens no connection. */
const PAGE = `
import { EventSource, stream } from "onward/client"
import { createParser, encode } from "onward/protocol"
import { openRun } from "onward/runs/client"
console.log([stream, EventSource, createParser, openRun].map((each) => typeof each).join(" "), encode({ data: "bundled" }).trim())
`
const PRINTED = "function function function function data: bundled"

const WEBPACK = `
import webpack from "webpack"
webpack({ mode: "production", entry: "./page.js", output: { path: process.cwd() + "/out" } }, (error, stats) => {
  if (!error && !stats.hasErrors()) return
  console.error(error ?? stats.toString())
  process.exitCode = 1
})
`

/** How each bundles index.html or page.js of the folder it is started in into out. */
const BUNDLERS: Readonly<Record<string, readonly string[]>> = {
  Vite: [join(toolsFolder, "node_modules/vite/bin/vite.js"), "build", "--outDir", "out"],
  webpack: ["webpack.js"],
  Parcel: [
    join(toolsFolder, "node_modules/parcel/lib/bin.js"),
    "build",
    "index.html",
    "--dist-dir",
    "out",
    "--no-cache",
  ],
}

async function bundle(name: string, args: readonly string[]): Promise<Outcome> {
  const cwd = join(projectFolder, "bundlers", name)
  mkdirSync(cwd, { recursive: true })
  // Parcel resolves "exports" only when the manifest of the project's root, the folder with the lock file, asks for it
  const manifest = { private: true, type: "module", "@parcel/resolver-default": { packageExports: true } }
  writeFileSync(join(cwd, "package.json"), JSON.stringify(manifest))
  writeFileSync(join(cwd, "package-lock.json"), "{}")
  // its polyfill needs a document, and the bundle is run without one
  writeFileSync(join(cwd, "vite.config.js"), "export default { build: { modulePreload: false } }")
  writeFileSync(join(cwd, "page.js"), PAGE)
  writeFileSync(join(cwd, "webpack.js"), WEBPACK)
  writeFileSync(join(cwd, "index.html"), `<!doctype html><script type="module" src="./page.js"></script>`)
  // a user's program runs without the condition that this process has
  const env = { NODE_OPTIONS: undefined, NODE_ENV: "production" }
  const built = await execute({ name, program: process.execPath, args, cwd }, { env })
  if (!built.passed) return built
  const scripts = globSync("out/**/*.js", { cwd })
  const text = scripts.map((file) => readFileSync(join(cwd, file), "utf8")).join("\n")
  if (/["'`]node:/.test(text)) return { ...built, passed: false, output: "The page's bundle imports modules of Node." }
  const [script = "none"] = scripts
  const ran = await execute({ name, program: process.execPath, args: [script], cwd }, { env })
  return {
    ...ran,
    passed: ran.passed && ran.output.trim() === PRINTED,
    output: `${scripts.join(", ")} printed:\n${ran.output}`,
  }
}

/** Bundles a page's program with each bundler, and runs what comes out. */
export async function checkBundlers(): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  for (const [name, args] of Object.entries(BUNDLERS)) outcomes.push(await bundle(name, args))
  return outcomes
}
