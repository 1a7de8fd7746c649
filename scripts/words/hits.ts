import { execFileSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { EXCEPTIONS } from "./exceptions.ts"
import { proseOfCode, proseOfPage, titlesOfTests } from "./prose.ts"
import { RULES } from "./rules.ts"

/** Words that break a rule. */
export interface Hit {
  readonly file: string
  readonly line: number
  readonly words: string
  readonly instead: string
}

const WITH_TEXT = /\.md$|^packages\/\w+\/(?:src|page|test)\/|^(?:scripts|examples|site|\.github)\//
/** The rules themselves, their test, and files without text. */
const WITHOUT_TEXT = /^scripts\/words\/|\/house\/words\.test\.ts$|\.(?:json|svg|css|sql)$/
const TEST = /\/test\//
const CODE = /\.(?:tsx?|m?js)$/

function proseOf(file: string): string {
  const source = readFileSync(file, "utf8")
  if (file.endsWith(".md")) return proseOfPage(source)
  if (TEST.test(file)) return CODE.test(file) ? titlesOfTests(source) : ""
  return CODE.test(file) ? proseOfCode(source) : source
}

/** The words of a text that break a rule. */
export function findWords(prose: string): Omit<Hit, "file">[] {
  return RULES.flatMap(({ pattern, instead }) =>
    [...prose.matchAll(pattern)].map((match) => ({
      line: prose.slice(0, match.index).split("\n").length,
      words: match[0].replaceAll(/\s+/g, " "),
      instead,
    })),
  )
}

/** The text without the words that an exception allows. */
const withoutExceptions = (file: string, prose: string): string =>
  EXCEPTIONS.filter((each) => file.startsWith(each.file)).reduce((rest, { text }) => rest.replaceAll(text, ""), prose)

/** All hits in the repository. */
export function allHits(): Hit[] {
  const list = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    encoding: "utf8",
  })
  const files = list.split("\0").filter((file) => WITH_TEXT.test(file) && !WITHOUT_TEXT.test(file) && existsSync(file))
  return files.flatMap((file) =>
    findWords(withoutExceptions(file, proseOf(file))).map((hit): Hit => ({ file, ...hit })),
  )
}
