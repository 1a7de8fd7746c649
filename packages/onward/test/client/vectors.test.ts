import assert from "node:assert/strict"
import { globSync, readFileSync } from "node:fs"
import { test } from "node:test"
import { IN_PAGES, runAtOnce, vectors } from "./run-vector.ts"
import { TRANSPORTS } from "./transports.ts"

for (const [transport, fetch] of Object.entries(TRANSPORTS)) {
  for (const vector of vectors) {
    test(`${vector.id} ${vector.name}, over ${transport}: ${vector.why}`, async (t) => runAtOnce(t, vector, fetch))
  }
}

test("vectors that need a page are run in one", () => {
  const folder = new URL("browsers/", import.meta.url)
  const texts = globSync("**/*.ts", { cwd: folder }).map((path) => readFileSync(new URL(path, folder), "utf8"))
  for (const id of IN_PAGES)
    assert.ok(
      texts.some((text) => text.includes(id)),
      `${id} is run nowhere`,
    )
})
