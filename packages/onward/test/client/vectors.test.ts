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
  const others = globSync("**/*.test.ts", { cwd: import.meta.dirname }).filter(
    (path) => !import.meta.filename.endsWith(path),
  )
  const texts = others.map((path) => readFileSync(new URL(path, import.meta.url), "utf8"))
  for (const id of IN_PAGES)
    assert.ok(
      texts.some((text) => text.includes(id)),
      `${id} is run nowhere`,
    )
})
