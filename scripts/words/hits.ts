import { execFileSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { AREAS, EXCEPTIONS } from "./limits.ts"
import { proseOfCode, proseOfPage } from "./prose.ts"
import { RULES } from "./rules.ts"

/** A place whose words break a rule. */
interface Hit {
  readonly file: string
  readonly line: number
  readonly words: string
  readonly instead: string
}

/** An area of the repository, its hits, and how many it may have. */
interface Area {
  readonly name: string
  readonly limit: number
  readonly hits: readonly Hit[]
}

const WITH_TEXT = /\.md$|^packages\/\w+\/(?:src|page)\/|^(?:scripts|examples|site|\.github)\//
/** The rules themselves, tests, and what is no text. */
const WITHOUT_TEXT = /^scripts\/words\/|\/test\/|\.(?:json|svg|css|sql)$/

function proseOf(file: string): string {
  const source = readFileSync(file, "utf8")
  if (file.endsWith(".md")) return proseOfPage(source)
  return /\.(?:tsx?|m?js)$/.test(file) ? proseOfCode(source) : source
}

/** The places in a text that break a rule. */
export function findWords(prose: string): Omit<Hit, "file">[] {
  return RULES.flatMap(({ pattern, instead }) =>
    [...prose.matchAll(pattern)].map((match) => ({
      line: prose.slice(0, match.index).split("\n").length,
      words: match[0].replaceAll(/\s+/g, " "),
      instead,
    })),
  )
}

/** The prose without the words that are right where they stand. */
const withoutExceptions = (file: string, prose: string): string =>
  EXCEPTIONS.filter((each) => file.startsWith(each.file)).reduce((rest, { text }) => rest.replaceAll(text, ""), prose)

/** Every area with its hits. A file belongs to the area with the longest name that its path begins with. */
export function areas(): Area[] {
  const list = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    encoding: "utf8",
  })
  const files = list.split("\0").filter((file) => WITH_TEXT.test(file) && !WITHOUT_TEXT.test(file) && existsSync(file))
  const names = Object.keys(AREAS).sort((a, b) => b.length - a.length)
  const hits = files.flatMap((file) =>
    findWords(withoutExceptions(file, proseOf(file))).map((hit): Hit => ({ file, ...hit })),
  )
  const byArea = Map.groupBy(hits, ({ file }) => names.find((name) => file.startsWith(name)) ?? "")
  return [...Object.entries(AREAS), ["", 0] as const].map(([name, limit]) => ({
    name,
    limit,
    hits: byArea.get(name) ?? [],
  }))
}
