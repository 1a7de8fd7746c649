import { Chance } from "../hub/simulation/chance.ts"

export type FaultKind =
  | "kill a hub"
  | "freeze a hub"
  | "kill all hubs"
  | "cut clients"
  | "stall clients"
  | "slow clients"
  | "corrupt answers"
  | "cut store"
  | "stall store"
  | "slow store"
  | "kill store"
  | "fail over"
  | "disk full"
  | "clock step"

/** What goes wrong, and when; all of it follows from the seed. */
export interface PlannedFault {
  readonly kind: FaultKind
  /** In ms from the start. */
  readonly at: number
  readonly hub: number
  /** How long it lasts, in ms. */
  readonly lasts: number
  /** For whatever else it needs to decide. */
  readonly chance: Chance
}

export interface PlanOptions {
  readonly seed: number
  readonly kinds: readonly FaultKind[]
  readonly minutes: number
  /** Time between two faults, in ms. */
  readonly every: number
  readonly hubs: number
}

/** Longest standing still, in ms: a short run would not do anything else. */
const LONGEST = 10_000

/** Deals kinds from a shuffled deck, so that each comes as often as the others. */
export function planFaults({ seed, kinds, minutes, every, hubs }: PlanOptions): readonly PlannedFault[] {
  const chance = new Chance(seed)
  const length = minutes * 60_000
  const longest = Math.min(LONGEST, length / 10)
  const deck: FaultKind[] = []
  return Array.from({ length: Math.floor(length / every) - 1 }, (_, i): PlannedFault => {
    if (deck.length === 0) deck.push(...kinds)
    const [kind] = deck.splice(chance.below(deck.length), 1)
    return {
      kind: kind as FaultKind,
      at: (i + 1) * every,
      hub: chance.below(hubs),
      lasts: 200 + chance.below(longest),
      chance: new Chance(chance.below(2 ** 32)),
    }
  })
}
