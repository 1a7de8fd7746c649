import assert from "node:assert/strict"
import { test } from "node:test"
import { checkWorlds } from "./simulation/many-worlds.ts"
import { simulate } from "./simulation/simulation.ts"

const SEEDS = 2_000

test(`${SEEDS} simulated worlds lose, repeat and reorder nothing, and announce every gap`, () => checkWorlds(SEEDS))

test("a seed replays exactly", async () => {
  for (let seed = 1; seed <= 20; seed++) assert.deepEqual(await simulate(seed), await simulate(seed))
})
