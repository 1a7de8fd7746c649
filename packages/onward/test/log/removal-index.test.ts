import assert from "node:assert/strict"
import { test } from "node:test"
import { RemovalIndex } from "../../src/log/driver/removal-index.ts"
import { seededRandom } from "../../src/seeded-random.ts"
import { SEED } from "./compare.ts"

test(`the index of removed positions answers like a list (seed ${SEED})`, () => {
  const random = seededRandom(SEED)
  const below = (n: number): number => Math.floor(random() * n)
  for (const step of [1, 50, 5_000]) {
    const index = new RemovalIndex()
    const list = new Map<string, number>()
    let sequence = 0
    for (let i = 0; i < 3_000; i++) {
      const topic = `t${below(300)}`
      const before = list.get(topic)
      if (before !== undefined && below(10) === 0) {
        index.delete(topic, before)
        list.delete(topic)
      } else {
        sequence += 1 + below(step)
        index.move(topic, sequence, before)
        list.set(topic, sequence)
      }
      if (i % 50 > 0) continue
      const from = below(sequence + 2)
      const expected = [...list].filter(([, to]) => to > from)
      assert.deepEqual(new Map(index.after(from)), new Map(expected), `after ${from} of ${sequence}`)
    }
    index.clear()
    assert.deepEqual([...index.after(0)], [])
  }
})
