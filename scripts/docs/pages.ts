import { globSync, readFileSync } from "node:fs"
import { dirname, join, posix } from "node:path"
import { fileURLToPath } from "node:url"

export const repositoryRoot: string = fileURLToPath(new URL("../..", import.meta.url))

/** A Markdown file of this repository on the docs site. */
export interface Page {
  /** Relative to the repository's root. */
  readonly file: string
  readonly title: string
  /** The first sentence: what the page covers, and for which readers. */
  readonly summary: string
  readonly text: string
}

/** Pages beside docs/ that the site has too. */
export const TOP_PAGES = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"]

/** The source files of all pages of the site. */
export function pageFiles(): string[] {
  return [...TOP_PAGES, ...globSync("docs/**/*.md", { cwd: repositoryRoot }).sort()]
}

export function readPage(file: string): Page {
  const text = readFileSync(join(repositoryRoot, file), "utf8")
  const [, title, rest = ""] = /^# (.+)\n([\s\S]*)/m.exec(text) ?? []
  if (title === undefined) throw new Error(`${file} has no line that starts with "# ". Give the page a title.`)
  return { file, title, summary: firstSentence(rest), text }
}

/** Of the first paragraph of prose: badges, code or a comment can come before it. */
function firstSentence(markdown: string): string {
  const paragraphs = markdown.replaceAll(/^```[\s\S]*?^```$/gm, "").split(/\n\s*\n/)
  const prose = paragraphs.find((paragraph) => /^\n?(?:[*_`"\w]|\[(?!!))/.test(paragraph)) ?? ""
  const line = prose
    .trim()
    .replaceAll(/\s+/g, " ")
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replaceAll("**", "")
  return (/^.*?[.!?](?=\s|$)/.exec(line)?.[0] ?? line).replace(/:$/, ".")
}

/** Where the site has the page of a source file, without extension: `docs/recipes/outbox.md` → `recipes/outbox`. */
export function routeOf(file: string): string {
  if (file === "README.md") return "index"
  return file
    .replace(/^docs\//, "")
    .replace(/\.md$/, "")
    .toLowerCase()
}

/** What a relative link of a page leads to: another page, or a file of the repository that the site does not have. */
export function resolveLink(from: string, link: string): { readonly file: string; readonly hash: string } {
  const [path = "", hash] = link.split("#", 2)
  const file = path === "" ? from : posix.normalize(posix.join(dirname(from), path))
  return { file, hash: hash === undefined ? "" : `#${hash}` }
}
