import assert from "node:assert/strict"
import { execFile } from "node:child_process"
import { promisify } from "node:util"

/** Simulates the worlds of seeds 1 to `seeds`, in a separate process: the test runner follows every promise, which makes them thirty times slower. */
export async function checkWorlds(seeds: number): Promise<void> {
  const simulator = new URL("../simulate.ts", import.meta.url).pathname
  const args = [...process.execArgv, simulator, "--seeds", String(seeds)]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  const [, received = 0, gaps = 0] = (/ (\d+) received, (\d+) gaps announced, 0 seeds failed/.exec(stdout) ?? []).map(
    Number,
  )
  assert.ok(received > seeds * 5 && gaps > seeds, `the worlds are eventful enough to mean something: ${stdout}`)
}
