import assert from "node:assert/strict"
import { join } from "node:path"
import { test } from "node:test"
import { temporaryFolder } from "../log/temporary-folder.ts"
import { runDeploy } from "./run.ts"

// `npm run deploy-run` is the same with 5,000 streams, and judges how long it took and how evenly they came back
const CLIENTS = 400

const runs = [
  { what: "a process that is told to leave", signal: "SIGTERM", isFresh: false },
  { what: "a process that is killed, beside another", signal: "SIGKILL", isFresh: false },
  { what: "a process that is killed, and replaced by a new one", signal: "SIGKILL", isFresh: true },
] as const

for (const { what, signal, isFresh } of runs) {
  test(`${what} loses no event of its streams, and does not read the log for each of them`, async (t) => {
    const file = join(temporaryFolder(t), "events.db")
    const { wrong, reads, published } = await runDeploy(
      signal,
      { clients: CLIENTS, over: 1_000, seed: 1, file },
      isFresh,
    )
    assert.deepEqual(wrong, [])
    assert.ok(published > 2)
    assert.ok(reads <= CLIENTS / 10, `${reads} reads for ${CLIENTS} streams`)
  })
}
