import { existsSync, readFileSync, statSync } from "node:fs"
import { dirname, join, normalize } from "node:path"

/** Imports and re-exports that run; those of types alone cannot break a test. */
const STATIC = /^(?:import|export)\s+(?!type\b)[\w$\s{},*]*?\bfrom\s*"([^"]+)"|^import\s*"([^"]+)"/gm
/** Other modules that a file names: dynamic imports, workers, and programs that a test starts. */
const NAMED = /["`]([^"`\s]+\.)(ts|mjs|\$\{extension\})["`]/g

const LIBRARY = "packages/onward"
type Target = string | { readonly [condition: string]: Target }
const { exports } = JSON.parse(readFileSync(`${LIBRARY}/package.json`, "utf8")) as {
  readonly exports: Readonly<Record<string, Target>>
}

/** How many imports lead from a file to each of the files that it loads, directly or through others; itself included, at 0. */
export function reachOf(file: string): ReadonlyMap<string, number> {
  const found = new Map([[file, 0]])
  // a Map also visits what is added meanwhile
  for (const [from, hops] of found) {
    for (const to of loadedBy(from)) if (!found.has(to)) found.set(to, hops + 1)
  }
  return found
}

const loaded = new Map<string, readonly string[]>()

/** The files of this checkout that a file loads or starts itself. */
function loadedBy(file: string): readonly string[] {
  const known = loaded.get(file)
  if (known) return known
  const source = readFileSync(file, "utf8")
  const imported = [...source.matchAll(STATIC)].map(([, from, alone]) => from ?? alone ?? "")
  const named = [...source.matchAll(NAMED)].map(([, path, extension]) => `${path}${extension === "mjs" ? "mjs" : "ts"}`)
  const files = [...new Set([...imported, ...named].flatMap((specifier) => resolve(file, specifier)))]
  loaded.set(file, files)
  return files
}

function resolve(from: string, specifier: string): string[] {
  if (specifier === "onward" || specifier.startsWith("onward/")) {
    const target = exports[`.${specifier.slice("onward".length)}`]
    return target === undefined ? [] : sourcesOf(target).map((path) => join(LIBRARY, path))
  }
  const beside = join(dirname(from), specifier)
  return [beside, join(dirname(from), "programs", specifier), normalize(specifier)].filter(isFile).slice(0, 1)
}

/** Which condition holds depends on the platform: all of them count. */
function sourcesOf(target: Target): string[] {
  const source = typeof target === "string" ? target : target["onward-source"]
  if (typeof source === "string") return [source]
  return source === undefined ? [] : Object.values(source).filter((path) => typeof path === "string")
}

const isFile = (path: string): boolean => existsSync(path) && statSync(path).isFile()
