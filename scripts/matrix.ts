// npm run test:matrix: the suite on every Node line the packages support, oldest release first. Versions as arguments
// replace the list: npm run test:matrix -- 24.0.0
import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { runSuite } from "./suite.ts"

/** The oldest release the packages claim (`engines`), the line between, and the one developed on. */
const VERSIONS = ["22.13.0", "24.21.0", process.versions.node]

/** Node 22 strips types only when asked to until 22.18, and each warns about it. */
const flagsOf = (version: string): string[] =>
  version.startsWith("22.") ? ["--experimental-strip-types", "--disable-warning=ExperimentalWarning"] : []

/** The binary of that version, fetched once through the npm package `node`. */
function nodeOf(version: string): string {
  if (version === process.versions.node) return process.execPath
  const folder = resolve(".cache", `node-${version}`)
  const binary = join(folder, "node_modules", ".bin", "node")
  if (existsSync(binary)) return binary
  console.log(`Fetching Node ${version} …`)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, allowScripts: { node: true } }))
  execFileSync("npm", ["install", "--loglevel=error", "--no-package-lock", `node@${version}`], { cwd: folder })
  return binary
}

const asked = process.argv.slice(2)
const summary: string[] = []
let failed = 0

for (const version of asked.length > 0 ? asked : VERSIONS) {
  const options = { node: nodeOf(version), flags: flagsOf(version) }
  console.log(`\nNode ${version}`)
  const fast = await runSuite("fast", options)
  const slow = await runSuite("slow", options)
  for (const name of [...fast.skipped, ...slow.skipped]) console.log(`SKIPPED ${name}`)
  summary.push(`Node ${version}: ${fast.passed + slow.passed} passed, ${fast.failed + slow.failed} failed`)
  failed += fast.failed + slow.failed
}

console.log(`\n${summary.join("\n")}`)
process.exitCode = failed > 0 ? 1 : 0
