import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Chance } from "../../../onward/test/hub/simulation/chance.ts"
import type { Attack, Stage } from "./stage.ts"
import { startVictim } from "./victim.ts"
import { startWitness } from "./witness.ts"

export interface RunOptions {
  readonly seed: number
  /** How long it may last, in ms; a round that has begun ends by itself. */
  readonly lasts: number
  readonly scale: number
}

export interface Verdict {
  readonly name: string
  readonly failures: readonly string[]
  readonly rounds: number
  /** What was done, and how often. */
  readonly counts: Readonly<Record<string, number>>
  /** Messages of the witness that were acknowledged. */
  readonly acknowledged: number
  /** Half of its publishes, and 99 in 100 of them, took at most so many ms. */
  readonly median: number
  readonly p99: number
  /** Most memory of the hub that was seen, in MiB. */
  readonly rss: number
  /** How late its event loop was at most, in ms. */
  readonly delay: number
  readonly gaps: number
}

/** A stack that was printed: refusals of clients print none. */
const STACK = /[^\n]*\bat (?:async )?[\w.#<>[\] ]+ \((?:file|node):[^\n]*/
const MAX_LINES = 1_000

export async function runAttack(attack: Attack, { seed, lasts, scale }: RunOptions): Promise<Verdict> {
  const folder = mkdtempSync(join(tmpdir(), "onward-attack-"))
  const failures = new Set<string>()
  const counts: Record<string, number> = {}
  let rounds = 0
  let [rss, delay] = [0, 0]
  try {
    await using hub = await startVictim({ folder, args: attack.args ?? [], env: attack.env?.(folder) ?? {} })
    const watch = async (): Promise<void> => {
      const figures = await hub.figures()
      rss = Math.max(rss, figures?.rss ?? 0)
      delay = Math.max(delay, figures?.delay ?? 0)
    }
    await watch()
    delay = 0 // starting is no attack
    const witness = await startWitness(() => hub.port)
    const startedAt = performance.now()
    const stage: Stage = {
      hub,
      chance: new Chance(seed),
      folder,
      scale,
      isOver: () => performance.now() - startedAt > lasts || hub.crash() !== undefined,
      fail: (what) => void failures.add(what),
      count: (what, by = 1) => void (counts[what] = (counts[what] ?? 0) + by),
    }
    const timer = setInterval(() => void watch(), 500)
    try {
      await attack.begin?.(stage)
      do {
        await attack.round(stage)
        rounds++
      } while (!stage.isOver() && rounds < (attack.rounds ?? 1_000_000))
    } catch (error) {
      failures.add(`the attack itself failed: ${error instanceof Error ? error.stack : String(error)}`)
    } finally {
      clearInterval(timer)
    }
    for (const failure of await witness.end()) failures.add(`witness: ${failure}`)
    await watch()
    const crash = hub.crash()
    if (crash !== undefined) failures.add(`the hub crashed: ${crash}: ${hub.printed().slice(-2_000)}`)
    const printed = hub.printed()
    const stack = STACK.exec(printed)
    if (stack) failures.add(`the hub printed a stack: ${stack[0].slice(0, 500)}`)
    const lines = printed.split("\n").length
    if (lines > MAX_LINES) failures.add(`the hub printed ${lines} lines`)
    const sorted = [...witness.latencies].sort((a, b) => a - b)
    const quantile = (share: number): number =>
      sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
    return {
      name: attack.name,
      failures: [...failures],
      rounds,
      counts,
      acknowledged: witness.acknowledged(),
      median: quantile(0.5),
      p99: quantile(0.99),
      rss: rss / 1024 ** 2,
      delay,
      gaps: witness.gaps.length,
    }
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}
