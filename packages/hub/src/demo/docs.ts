import { existsSync, globSync } from "node:fs"
import { readFile } from "node:fs/promises"
import type { ServerResponse } from "node:http"
import { posix } from "node:path"
import { fileURLToPath } from "node:url"
import { Marked, type Tokens } from "marked"
import { sendText } from "../files.ts"

/** The build copies the documentation next to the code; a checkout has it at its root. */
const built = new URL("../documentation/", import.meta.url)
const root = existsSync(built) ? built : new URL("../../../../", import.meta.url)
/** Paths below the root. */
const pages = new Set(["README.md", ...globSync("docs/**/*.md", { cwd: fileURLToPath(root) })])

/** The page `/docs/` is the README, `/docs/hub` is docs/hub.md. */
const fileOf = (path: string): string => (path === "/docs/" ? "README.md" : `${path.slice(1)}.md`)

/** Sends a page of the documentation as HTML. Returns false if the path is not one. */
export async function sendDocs(res: ServerResponse, path: string): Promise<boolean> {
  const file = fileOf(path)
  if (!path.startsWith("/docs/") || !pages.has(file)) return false
  const text = await readFile(new URL(file, root), "utf8")
  const title = /^# (.*)$/m.exec(text)?.[1] ?? file
  sendText(res, "page.html", pageOf(title, renderer(file).parse(text, { async: false })))
  return true
}

/** Returns a renderer for Markdown as on GitHub, with the same anchors. Links between documents lead to pages of the hub. */
function renderer(file: string): Marked {
  return new Marked({
    renderer: {
      heading({ tokens, depth, text }) {
        return `<h${depth} id="${anchorOf(text)}">${this.parser.parseInline(tokens)}</h${depth}>\n`
      },
      link({ href, tokens }: Tokens.Link) {
        const inner = this.parser.parseInline(tokens)
        const target = targetOf(file, href)
        return target === undefined ? inner : `<a href="${escapeHtml(target)}">${inner}</a>`
      },
      // the documents contain only comments that name a snippet's source, which tests use
      html: () => "",
    },
  })
}

/** Returns the target of a document's link; undefined for a file without a page. */
function targetOf(file: string, href: string): string | undefined {
  if (/^(?:https?:|#)/.test(href)) return href
  const [path = "", anchor] = href.split("#")
  const linked = posix.join(posix.dirname(file), path)
  if (!pages.has(linked)) return undefined
  const page = linked === "README.md" ? "/docs/" : `/${linked.slice(0, -".md".length)}`
  return anchor === undefined ? page : `${page}#${anchor}`
}

const anchorOf = (heading: string): string =>
  heading
    .trim()
    .toLowerCase()
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replaceAll(/[^\p{L}\p{M}\p{N}\- _]/gu, "")
    .replaceAll(" ", "-")

const escapeHtml = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;")

const pageOf = (title: string, body: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${escapeHtml(title)} · Onward</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/style.css">
<link rel="stylesheet" href="/intro.css">
<link rel="stylesheet" href="/docs.css">
</head>
<body>
<div class="bar"><div class="bar-inner"><a class="brand" href="/">Onward</a><nav><a href="/docs/">Documentation</a></nav></div></div>
<main class="document">
${body}</main>
</body>
</html>
`
