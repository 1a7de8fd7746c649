import assert from "node:assert/strict"
import { test } from "node:test"
import { llmsFull, llmsIndex } from "../../../../scripts/docs/llms.ts"
import { NAVIGATION } from "../../../../scripts/docs/navigation.ts"
import { pageFiles, readPage, resolveLink, routeOf } from "../../../../scripts/docs/pages.ts"

test("the side bar of the docs site has each page once: scripts/docs/navigation.ts", () => {
  const listed = NAVIGATION.flatMap(({ pages }) => pages)
  assert.deepEqual(listed.toSorted(), pageFiles().toSorted())
})

test("no two pages of the docs site have the same address", () => {
  const routes = pageFiles().map(routeOf)
  assert.deepEqual([...new Set(routes)], routes)
})

test("llms.txt follows llmstxt.org: a title, a summary, and each page with a sentence about it", () => {
  const [title, blank, summary, ...rest] = llmsIndex().split("\n")
  assert.deepEqual([title, blank], ["# Onward", ""])
  assert.match(summary ?? "", /^> \S.*[.!?]$/)
  const links = rest.filter((line) => line.startsWith("- "))
  assert.equal(links.length, pageFiles().length)
  assert.deepEqual(
    links.filter((line) => !/^- \[[^\]]+\]\([\w/-]+\.md\): \S.*$/.test(line)),
    [],
  )
})

test("llms-full.txt has the whole text of each page", () => {
  const all = llmsFull()
  for (const file of pageFiles()) assert.ok(all.includes(readPage(file).text.trim()), file)
})

test("a link of a page is resolved from the folder of that page", () => {
  assert.deepEqual(resolveLink("docs/recipes/outbox.md", "../logs.md#sqlite"), {
    file: "docs/logs.md",
    hash: "#sqlite",
  })
  assert.deepEqual(resolveLink("docs/client.md", "#retry"), { file: "docs/client.md", hash: "#retry" })
  assert.deepEqual(resolveLink("README.md", "docs/client.md"), { file: "docs/client.md", hash: "" })
})
