import { existsSync } from "node:fs"
import { join, relative } from "node:path"
import type { MarkdownRenderer } from "vitepress"
import { pageFiles, repositoryRoot, resolveLink, routeOf } from "../../scripts/docs/pages.ts"

const pages = new Set(pageFiles())

/**
 * Turns relative links of the Markdown in the repository into links of the site. A file that the site does not have, such as an example, is
 * shown below `source`. Without that address its link becomes plain text.
 */
export function siteLinks(md: MarkdownRenderer, source: string | undefined): void {
  md.core.ruler.push("site-links", ({ tokens, env }) => {
    const from = relative(repositoryRoot, env.realPath ?? env.path)
    for (const { children } of tokens) {
      let isUnlinked = false
      for (const token of children ?? []) {
        if (token.type === "link_close" && isUnlinked) {
          Object.assign(token, { type: "text", tag: "", nesting: 0, content: "" })
          isUnlinked = false
        }
        const link = token.type === "link_open" ? token.attrGet("href") : null
        if (link === null || /^(?:\w+:|#|\/)/.test(link)) continue
        const { file, hash } = resolveLink(from, decodeURI(link))
        if (pages.has(file)) token.attrSet("href", `/${routeOf(file).replace(/^index$/, "")}${hash}`)
        else if (!existsSync(join(repositoryRoot, file)))
          throw new Error(`${from} links to ${link}, which does not exist.`)
        else if (source !== undefined) token.attrSet("href", `${source}/${file}${hash}`)
        else {
          Object.assign(token, { type: "text", tag: "", nesting: 0, content: "" })
          isUnlinked = true
        }
      }
    }
  })
}
