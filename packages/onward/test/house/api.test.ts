import assert from "node:assert/strict"
import { test } from "node:test"
import { committedReports, reportsOf } from "../../../../scripts/api/report.ts"
import { forgottenBy, surfaceOf } from "../../../../scripts/api/surface.ts"
import { packageRoot } from "./imports.ts"

test("packages/onward/api has the signatures of all exports: npm run api writes it", () => {
  const committed = committedReports(packageRoot)
  const current = reportsOf(packageRoot)
  assert.deepEqual([...committed.keys()].sort(), [...current.keys()].sort())
  for (const [file, text] of current) assert.equal(committed.get(file), text, file)
})

test("every type that a public signature names is exported, so that users can import it", () => {
  assert.deepEqual(forgottenBy(packageRoot), [])
})

test("the report follows re-exports, and distinguishes values and types", () => {
  const hub = surfaceOf(packageRoot).find(({ name }) => name === "onward")
  const found = new Map(hub?.exports.map((each) => [each.name, each]))
  assert.match(found.get("createHub")?.signature ?? "", /^function createHub</)
  assert.equal(found.get("createHub")?.isType, false)
  assert.match(found.get("Subscription")?.signature ?? "", /^class Subscription \{/)
  assert.equal(found.get("Subscription")?.isType, true)
  // only `hub.subscribe` makes them
  assert.doesNotMatch(found.get("Subscription")?.signature ?? "", /constructor/)
})
