import { BREAKS, type Break } from "../../relay.ts"
import { Chance } from "../../hub/simulation/chance.ts"

/** How a connection fails: it is broken, or says nothing more. */
export type Fault = Break | "silence"

export const FAULTS: readonly Fault[] = [...BREAKS, "silence"]

/** What happens to one connection. */
export interface Plan {
  /** Undefined: nothing. */
  readonly fault: Fault | undefined
  /** After how many bytes, counted from the first byte of the head, or of the body. */
  readonly at: number
  readonly isInHead: boolean
  /** How its bytes are cut into pieces. */
  readonly chance: Chance
}

export interface PlanOptions {
  readonly seed: number
  readonly cuts: number
  /** How many bytes a client that misses nothing receives at least: the cuts are spread over so many. */
  readonly bytes: number
}

/** Silence takes time, so there is less of it. */
const SILENCE_PERCENT = 4
const HEAD_PERCENT = 15
/** Somewhere in these is a head, whole or not. */
const HEAD_BYTES = 250

/**
 * What happens to the connections of a client, one after the other, the same for the same seed. What is cut off is sent again, so that a client
 * receives more than `bytes` in all, and no cut is left over.
 */
export function createPlans({ seed, cuts, bytes }: PlanOptions): readonly Plan[] {
  const chance = new Chance(seed)
  const places = Array.from({ length: cuts }, () => chance.below(bytes)).sort((a, b) => a - b)
  let before = 0
  const plans = places.map((place): Plan => {
    const isInHead = chance.percent(HEAD_PERCENT)
    const at = isInHead ? chance.below(HEAD_BYTES) : place - before
    before = place
    const fault = chance.percent(SILENCE_PERCENT) ? "silence" : (FAULTS[chance.below(3)] as Fault)
    return { fault, at, isInHead, chance: new Chance(chance.below(2 ** 32)) }
  })
  return [...plans, { fault: undefined, at: Infinity, isInHead: false, chance }]
}
