import assert from "node:assert/strict"
import { test } from "node:test"
import { seed } from "../../../onward/test/protocol/seed.ts"
import { ATTACKS } from "./attacks/index.ts"
import { runAttack } from "./run-attack.ts"

// each for a moment, so that none of them rots: `npm run attack` takes its time
for (const attack of ATTACKS) {
  test(
    `a hub keeps its promises under the attack ${attack.name} (SEED=${seed})`,
    { skip: attack.missing ?? false },
    async () => {
      const { failures, acknowledged, counts } = await runAttack(attack, { seed, lasts: 300, scale: 0.02 })
      assert.deepEqual(failures, [])
      assert.ok(acknowledged > 0, "a well-behaved client publishes beside it")
      assert.ok(Object.keys(counts).length > 0, "it did something")
    },
  )
}
