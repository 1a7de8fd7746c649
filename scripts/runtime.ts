// Fetches runtimes that are too large for a dev dependency, once and when needed, from their official npm packages. As a program it fetches those
// of runtimes.json.
import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))

/** The runtimes besides Node, with their versions. */
export const RUNTIMES: Readonly<Record<string, string>> = JSON.parse(
  readFileSync(join(root, "scripts/runtimes.json"), "utf8"),
)

const folderOf = (name: string, version: string): string => join(root, ".cache", `${name}-${version}`)

/** Returns the path of a runtime's program; undefined if it was not fetched. */
export function runtimeOf(name: string, version: string | undefined = RUNTIMES[name]): string | undefined {
  const program = join(folderOf(name, String(version)), "node_modules/.bin", name)
  return existsSync(program) ? program : undefined
}

/** Fetches a runtime if it is missing. Returns the path of its program. */
export function fetchRuntime(name: string, version: string | undefined = RUNTIMES[name]): string {
  const present = runtimeOf(name, version)
  if (present !== undefined) return present
  console.log(`Fetching ${name} ${version} …`)
  const folder = folderOf(name, String(version))
  const unfinished = `${folder}.part`
  rmSync(unfinished, { recursive: true, force: true })
  mkdirSync(unfinished, { recursive: true })
  writeFileSync(join(unfinished, "package.json"), JSON.stringify({ private: true, allowScripts: { [name]: true } }))
  execFileSync("npm", ["install", "--loglevel=error", "--no-package-lock", `${name}@${version}`], { cwd: unfinished })
  rmSync(folder, { recursive: true, force: true })
  renameSync(unfinished, folder)
  return runtimeOf(name, version) as string
}

if (import.meta.filename === process.argv[1]) for (const name of Object.keys(RUNTIMES)) fetchRuntime(name)
