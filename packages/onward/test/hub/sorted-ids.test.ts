import assert from "node:assert/strict"
import { test } from "node:test"
import { SortedIds } from "../../src/hub/presence/sorted-ids.ts"
import { seed } from "../protocol/seed.ts"
import { Chance } from "./simulation/chance.ts"

test(`a sorted list has what was set last, whenever it is read (SEED=${seed})`, () => {
  const chance = new Chance(seed)
  const list = new SortedIds()
  const model = new Set<string>()
  for (let i = 0; i < 20_000; i++) {
    // more names than are merged at once
    const id = chance.pick(["", "ä", "\ud800", "__proto__"]) + String(chance.below(3_000))
    const isIn = chance.below(3) > 0
    list.set(id, isIn)
    if (isIn) model.add(id)
    else model.delete(id)
    if (i % 997 === 0) assert.deepEqual(list.read(), [...model].sort())
  }
  for (const id of model) list.set(id, false)
  assert.deepEqual(list.read(), [])
  assert.equal(list.version, 0)
})

test("a list that was read is the same until its content changes, and is never changed itself", () => {
  const list = new SortedIds()
  for (let i = 0; i < 10; i++) list.set(`user ${i}`, true)
  const [before, version] = [list.read(), list.version]
  list.set("user 3", false)
  list.set("user 3", true)
  assert.equal(list.read(), before)
  assert.equal(list.version, version)
  list.set("user 3", false)
  assert.equal(list.read().length, 9)
  assert.equal(before.length, 10)
  assert.notEqual(list.version, version)
})
