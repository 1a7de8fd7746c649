import { test } from "node:test"
import { checkWorlds } from "./simulation/many-worlds.ts"

const SEEDS = 20_000

test(`${SEEDS} simulated worlds lose, repeat and reorder nothing, and announce every gap`, () => checkWorlds(SEEDS))
