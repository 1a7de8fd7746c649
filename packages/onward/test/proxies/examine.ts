import { HELD, type Check } from "./check.ts"
import { checks, oneByOne } from "./checks.ts"
import { createOrigin } from "./origin.ts"
import type { Setup, Use } from "./setup.ts"
import { start } from "./start.ts"

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
    await using origin = await createOrigin()
    await using proxy = await start(setup, use, origin.port)
    for (const check of selected) {
      const t0 = performance.now()
      const found = await check.run({ origin, proxy }).catch((error: unknown) => `FAILED: ${String(error)}`)
      if (process.env.PX) console.log(setup.name, check.title, performance.now() - t0 | 0)
      findings.set(check.title, found)
      if (check === oneByOne && found === HELD) return findings
    }
  }
  return findings
}
