import assert from "node:assert/strict"
import { execFile } from "node:child_process"
import { test } from "node:test"
import { promisify } from "node:util"
import { seed } from "../protocol/seed.ts"

// in a process of its own: the test runner follows every promise, which makes these slower many times over
test(`clients that are cut 200 times receive 20,000 events once each and in order (seed ${seed})`, async () => {
  const program = new URL("fault-run.ts", import.meta.url).pathname
  const args = [program, "--events", "20000", "--cuts", "200", "--seed", String(seed)]
  const { stdout } = await promisify(execFile)(process.execPath, [...process.execArgv, ...args])
  assert.match(stdout, / 120000 delivered, 1200 cuts .* 0 failures/, stdout)
})
