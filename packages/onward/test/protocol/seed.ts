import { Chance } from "../hub/simulation/chance.ts"

/** Of a property test: another one each run, or `SEED` of the environment. Belongs in every message. */
export const seed = Number(process.env.SEED ?? 1)
export const chance: Chance = new Chance(seed)
