import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { repositoryRoot } from "../house/imports.ts"
import { rigs } from "./rigs.ts"

test("docs/adapters.md has a row for each server that is tested, claims no more than its clients do, and no failure", () => {
  const text = readFileSync(join(repositoryRoot, "docs/adapters.md"), "utf8")
  const table = /<!-- npm run adapters -->\n([^]*?)<!-- end -->/.exec(text)?.[1] ?? ""
  const [header = [], , ...rows] = table
    .trim()
    .split("\n")
    .map((line) => line.slice(2, -2).split(" | "))
  assert.deepEqual(
    rows.map(([name]) => name),
    rigs.map(({ name }) => name),
    "npm run adapters writes the table anew",
  )
  for (const [index, [name = "", ...cells]] of rows.entries()) {
    const ways = rigs[index]?.client.ways ?? []
    const impossible = {
      FIN: !ways.includes("closing the connection"),
      RST: !ways.includes("a reset"),
      "half-close": !ways.includes("a half-close"),
      cancel: !ways.some((way) => way.startsWith("cancelling")),
    }
    for (const [column, cell] of cells.entries()) {
      const title = header[column + 1] as keyof typeof impossible
      assert.equal(cell, impossible[title] ? "–" : "✓", `${name}: ${title}`)
    }
  }
})
