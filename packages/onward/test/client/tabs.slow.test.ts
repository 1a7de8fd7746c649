import assert from "node:assert/strict"
import { execFile } from "node:child_process"
import { test } from "node:test"
import { promisify } from "node:util"
import { simulate } from "./tabs/simulation.ts"

const SEEDS = 3_000

// in a process of its own, as the hub's simulation
test(`in ${SEEDS} simulated browsers no tab loses, repeats or reorders an event, with any failures of other tabs`, async () => {
  const simulator = new URL("tabs/simulate.ts", import.meta.url).pathname
  const args = [...process.execArgv, simulator, "--seeds", String(SEEDS)]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  const total = JSON.parse(stdout.slice(stdout.indexOf("{"))) as Record<string, number>
  assert.equal(total["failed"], 0, stdout)
  const { received = 0, leaders = 0, gaps = 0 } = total
  assert.ok(
    received > 50 * SEEDS && leaders > 3 * SEEDS && gaps > SEEDS / 2,
    `eventful enough to mean something: ${stdout}`,
  )
})

test("a simulated browser replays exactly", async () => {
  for (let seed = 1; seed <= 5; seed++) assert.deepEqual(await simulate(seed), await simulate(seed))
})
