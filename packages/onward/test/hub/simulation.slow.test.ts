import assert from "node:assert/strict"
import { execFile } from "node:child_process"
import { test } from "node:test"
import { promisify } from "node:util"
import { simulate } from "./simulation/simulation.ts"

const SEEDS = 10_000

// in a process of its own: the test runner follows every promise, which makes these millions of them thirty times slower
test(`${SEEDS} simulated worlds lose, repeat and reorder nothing, and announce every gap`, async () => {
  const simulator = new URL("simulate.ts", import.meta.url).pathname
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...process.execArgv,
    simulator,
    "--seeds",
    String(SEEDS),
  ])
  const [, received = 0, gaps = 0] = (/ (\d+) received, (\d+) gaps announced, 0 seeds failed/.exec(stdout) ?? []).map(
    Number,
  )
  assert.ok(received > SEEDS * 5 && gaps > SEEDS, `the worlds are eventful enough to mean something: ${stdout}`)
})

test("a seed replays exactly", async () => {
  for (let seed = 1; seed <= 20; seed++) assert.deepEqual(await simulate(seed), await simulate(seed))
})
