import assert from "node:assert/strict"
import { test } from "node:test"
import { Deque } from "../../src/log/driver/deque.ts"
import { randomFrom, SEED } from "./compare.ts"

test(`a deque behaves like an array, over 20,000 pushes and as many shifts (ONWARD_SEED=${SEED})`, () => {
  const { below, chance } = randomFrom(SEED)
  const deque = new Deque<number>()
  let items: number[] = []
  let next = 0
  for (let step = 0; step < 40_000; step++) {
    // long stretches of growing and of shrinking, so that it is cut at every length
    const isGrowing = Math.floor(step / 500) % 2 === 0
    if (chance(isGrowing ? 0.7 : 0.3)) {
      deque.push(next)
      items.push(next++)
    } else if (items.length > 0) {
      deque.shift()
      items.shift()
    }
    if (chance(0.001)) {
      const odd = below(3)
      deque.filter((item) => item % 3 !== odd)
      items = items.filter((item) => item % 3 !== odd)
    }
    assert.equal(deque.length, items.length)
    const index = below(items.length + 1)
    if (index < items.length) assert.equal(deque.at(index), items[index])
    const least = (items[index] ?? next) - below(2)
    const found = items.findIndex((item) => item >= least)
    assert.equal(
      deque.search((item) => item >= least),
      found < 0 ? items.length : found,
    )
  }
  assert.deepEqual(
    items.map((_, i) => deque.at(i)),
    items,
  )
})
