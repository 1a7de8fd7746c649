import type { Chance } from "../../../onward/test/hub/simulation/chance.ts"
import type { Victim } from "./victim.ts"

/** What an attack has to work with. */
export interface Stage {
  /** A hub of its own, which a well-behaved client uses beside the attack. */
  readonly hub: Victim
  /** Decides everything that is random, from the seed. */
  readonly chance: Chance
  /** An empty folder that is removed afterwards. */
  readonly folder: string
  /** How much of everything the attack does: 1, or less in a short run. */
  readonly scale: number
  /** True once the attack's time is over. */
  readonly isOver: () => boolean
  /** Records a broken promise, once for each text. */
  readonly fail: (what: string) => void
  /** Counts what was done, for the table. */
  readonly count: (what: string, by?: number) => void
}

/** One kind of hostile input. */
export interface Attack {
  readonly name: string
  /** Which of docs/threats.md it tries. @default none: it tries what the system does, not a person */
  readonly threats?: readonly string[]
  /** Why it cannot run on this machine. @default false */
  readonly missing?: string | false
  /** For the hub. */
  readonly args?: readonly string[]
  readonly env?: (folder: string) => Readonly<Record<string, string>>
  /** Most rounds, however much time is left. @default 1_000_000 */
  readonly rounds?: number
  /** Prepares the hub. */
  readonly begin?: (stage: Stage) => Promise<void>
  /** Attacks once; repeated until its time is over. */
  readonly round: (stage: Stage) => Promise<void> | void
}

/** So many of something, scaled, at least one. */
export const scaled = ({ scale }: Stage, count: number): number => Math.max(1, Math.round(count * scale))
