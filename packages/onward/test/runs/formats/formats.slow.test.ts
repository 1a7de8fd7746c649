import assert from "node:assert/strict"
import { test } from "node:test"
import type { Ending } from "../../../src/runs/format.ts"
import { Chance } from "../../hub/simulation/chance.ts"
import { cases, ended, framesOf, merge, translate } from "./cases.ts"

const SEEDS = 12
const BROKEN: readonly Ending["status"][] = ["failed", "stopped", "lost"]

for (const { format, read, fixtures } of cases) {
  for (const fixture of fixtures) {
    const frames = framesOf(format, fixture)

    test(`${fixture}: the written frames equal those that were read`, () => {
      const again = frames.map((frame) => format.decode(format.encode(frame)))
      assert.deepEqual(again, frames)
    })

    test(`${fixture}: the official client accepts it as complete`, async () => {
      const { isComplete, error } = await read(ended(format, frames, { status: "completed" }))
      assert.equal(error, undefined)
      assert.equal(isComplete, true)
    })

    test(`${fixture}: the official client gets the same result from merged frames`, async () => {
      const whole = await read(ended(format, frames, { status: "completed" }))
      const most = merge(format, frames, () => true)
      assert.ok(most.length < frames.length, "nothing was merged")
      assert.deepEqual(await read(ended(format, most, { status: "completed" })), whole)
      for (let seed = 1; seed <= SEEDS; seed++) {
        const chance = new Chance(seed)
        const merged = merge(format, frames, () => chance.percent(50))
        // what the log holds may be merged once more for who is slow
        const twice = merge(format, merged, () => chance.percent(50))
        assert.deepEqual(await read(ended(format, twice, { status: "completed" })), whole, `seed ${seed}`)
      }
    })

    test(`${fixture}: cut off at any point, it never looks complete`, async () => {
      const whole = await read(ended(format, frames, { status: "completed" }))
      for (let length = 0; length < frames.length; length++) {
        const start = frames.slice(0, length)
        for (const status of BROKEN) {
          const { text, isComplete, error } = await read(ended(format, start, { status }))
          assert.equal(isComplete, false, `${status} after ${length} frames`)
          assert.ok(whole.text.startsWith(text), "what has come is kept")
          assert.ok(error, `${status} after ${length} frames: the client was not told`)
        }
      }
    })

    for (const other of cases) {
      if (other.format.name === format.name) continue
      test(`${fixture}: read as ${other.format.name}, it has the same content`, async () => {
        const native = await read(ended(format, frames, { status: "completed" }))
        const foreign = await other.read(translate(format, other.format, frames, { status: "completed" }))
        assert.equal(foreign.error, undefined)
        assert.equal(foreign.isComplete, true)
        assert.equal(foreign.text, native.text)
        if (other.format.name !== "text") assert.deepEqual(foreign.tools.map(plain), native.tools.map(plain))
        for (let length = 0; length < frames.length; length++) {
          const cut = translate(format, other.format, frames.slice(0, length), { status: "lost" })
          assert.equal((await other.read(cut)).isComplete, false, `lost after ${length} frames`)
        }
      })
    }
  }
}

/** Clients give a call's input as text or parsed. */
const plain = ({ name, input }: { name: string; input: string }): unknown => ({
  name,
  input: JSON.parse(input) as unknown,
})
