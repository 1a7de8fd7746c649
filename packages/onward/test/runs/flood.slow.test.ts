import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { test } from "node:test"

const program = join(import.meta.dirname, "programs", "flood.ts")

for (const [what, data] of [
  ["empty objects", "{}"],
  ["deltas without text", '{"choices":[{"index":0,"delta":{}}]}'],
  ["pings", "ping"],
] as const) {
  test(`a provider that sends ${what} as fast as possible ends as failed, in 256 MB, and other work continues`, () => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ["--max-old-space-size=256", ...process.execArgv, program, data],
      { encoding: "utf8", timeout: 120_000 },
    )
    assert.equal(status, 0, stderr)
    const { code, ticks } = JSON.parse(stdout) as { code: string; ticks: number }
    assert.equal(code, data === "ping" ? "source_failed" : "message_too_large")
    assert.ok(ticks > 2, `the event loop turned ${ticks} times`)
  })
}
