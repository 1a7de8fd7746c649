import { globSync, readFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { fileURLToPath } from "node:url"

export const packageRoot = fileURLToPath(new URL("../..", import.meta.url))
export const repositoryRoot = fileURLToPath(new URL("../../../..", import.meta.url))

/** One import, re-export or dynamic import, types included. */
export interface Import {
  /** The importing file, relative to the folder looked into. */
  readonly from: string
  /** What is imported: a file relative to that folder, or the bare name as written. */
  readonly to: string
  readonly bare: boolean
}

/** At the start of a line, which no sentence in a comment is; the formatter keeps the quotes double. */
const STATIC = /^(?:import|export)\b[\w$\s{},*]*?\bfrom\s*"([^"]+)"|^import\s*"([^"]+)"/gm
const DYNAMIC = /^(?!\s*(?:\*|\/\/|\/\*)).*?\bimport\(\s*"([^"]+)"/gm

/** The specifiers a source text imports. */
export function specifiersOf(source: string): string[] {
  return [...source.matchAll(STATIC), ...source.matchAll(DYNAMIC)].map((match) => match[1] ?? match[2] ?? "")
}

/** The library's source. */
export const src = join(packageRoot, "src")

/** The TypeScript files below a folder, relative to it. */
export function sourceFiles(folder: string = src): string[] {
  return globSync("**/*.ts", { cwd: folder, exclude: (name) => name === "node_modules" }).sort()
}

/** Every import in the files below a folder. */
export function imports(folder: string = src): Import[] {
  return sourceFiles(folder).flatMap((from) =>
    specifiersOf(readFileSync(join(folder, from), "utf8")).map((specifier): Import => {
      const bare = !specifier.startsWith(".")
      return { from, bare, to: bare ? specifier : relative(folder, join(folder, dirname(from), specifier)) }
    }),
  )
}
