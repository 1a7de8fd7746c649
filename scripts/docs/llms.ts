import { NAVIGATION } from "./navigation.ts"
import { readPage, routeOf } from "./pages.ts"

/** llms.txt (llmstxt.org): what the project is, and where each page is as Markdown. Addresses are relative to the site. */
export function llmsIndex(): string {
  const { title, summary } = readPage("README.md")
  const sections = NAVIGATION.map(({ title, pages }) => {
    const lines = pages.map((file) => {
      const page = readPage(file)
      return `- [${page.title}](${routeOf(file)}.md): ${page.summary}`
    })
    return `## ${title}\n\n${lines.join("\n")}\n`
  })
  return [`# ${title}\n\n> ${summary}\n`, ...sections].join("\n")
}

/** llms-full.txt: all pages in one file, in the order of the side bar. */
export function llmsFull(): string {
  const pages = NAVIGATION.flatMap((group) => group.pages).map(readPage)
  return pages.map(({ file, text }) => `<!-- ${file} -->\n\n${text.trim()}\n`).join("\n")
}
