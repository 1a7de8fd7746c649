import { HELD, type Check } from "./check.ts"
import { checks, oneByOne } from "./checks.ts"
import { createOrigin, type Origin } from "./origin.ts"
import type { Setup, Use } from "./setup.ts"
import { start, type Proxy } from "./start.ts"

/** What the checks came to, by their titles. */
export type Findings = ReadonlyMap<string, string>

/** What could not be tried. */
export const NOTHING = "–"

/** Puts a proxy through checks, in their order; those for which it needs another configuration on one started with that. */
export async function examine(setup: Setup, wanted: (check: Check) => boolean): Promise<Findings> {
  const findings = new Map(checks.filter(wanted).map(({ title }) => [title, NOTHING]))
  const uses: readonly Use[] = ["plain", ...(Object.keys(setup.uses) as Use[])]
  for (const use of uses) {
    const selected = checks.filter((check) => check.use === use && wanted(check))
    if (selected.length === 0) continue
    const origin = await createOrigin()
    const proxy = await start(setup, use, origin.port).catch(async (error: unknown) => {
      await origin.close()
      throw error
    })
    try {
      for (const check of selected) {
        const found = await make(check, origin, proxy)
        findings.set(check.title, found)
        if (check === oneByOne && found === HELD) return findings
      }
    } finally {
      await proxy.close()
      await origin.close()
    }
  }
  return findings
}

async function make(check: Check, origin: Origin, proxy: Proxy): Promise<string> {
  const undone: (() => void | Promise<void>)[] = []
  try {
    return await check.run({ origin, proxy, after: (undo) => void undone.push(undo) })
  } catch (error) {
    return `FAILED: ${String(error)}`
  } finally {
    for (const undo of undone) await undo()
  }
}
