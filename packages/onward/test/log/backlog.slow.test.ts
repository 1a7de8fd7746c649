import assert from "node:assert/strict"
import { join } from "node:path"
import { test } from "node:test"
import { Backlog, weightOf } from "../../src/log/driver/backlog.ts"
import { sqliteLog } from "../../src/log/sqlite/index.ts"
import { temporaryFolder } from "./temporary-folder.ts"

const MAX = 64 * 1024 * 1024
const long = "x".repeat(512)

test("the size of a pending append includes every field, each message and the call", () => {
  const empty = weightOf([{ topic: "a", data: "" }])
  assert.ok(empty > 1_200)
  for (const field of ["data", "event", "id", "idempotencyKey"] as const)
    assert.equal(weightOf([{ topic: "a", data: "", [field]: long }]), empty + 512, field)
  assert.equal(weightOf([{ topic: long, data: "" }]), empty + 511)
})

test("an append over the limit of pending bytes is refused, and accepted again when there is room", () => {
  const backlog = new Backlog("events.db")
  const refused = {
    code: "log_unavailable",
    retryable: true,
    message: /log events\.db: pending appends exceed .+ Publish more slowly/,
  }
  const huge = backlog.enter([{ topic: "a", data: "x".repeat(MAX * 2) }])
  assert.throws(() => backlog.enter([{ topic: "a", data: "" }]), refused)
  backlog.leave(huge)
  const weights: number[] = []
  const one = [{ topic: "a", data: "", id: long, idempotencyKey: long }]
  assert.throws(() => {
    for (let i = 0; i < 1_000_000; i++) weights.push(backlog.enter(one))
  }, refused)
  assert.equal(weights.length, Math.floor(MAX / weightOf(one)))
  backlog.leave(weights.pop() ?? 0)
  backlog.enter(one)
})

test("a flood of messages without data does not fill the memory of an SQLite log", async (t) => {
  const log = sqliteLog(join(temporaryFolder(t), "events.db"), { durability: "normal", retention: { count: 10 } })
  let refused = 0
  const calls = Array.from({ length: 45_000 }, (_, i) =>
    log
      .append([{ topic: "a", data: "", id: `${i} ${long.slice(8)}`, idempotencyKey: `${i} ${long.slice(8)}` }])
      .catch((error: unknown) => {
        assert.equal((error as { code?: string }).code, "log_unavailable")
        refused++
      }),
  )
  await Promise.all(calls)
  assert.ok(refused > 10_000, `${refused} of ${calls.length} were refused`)
  await log.append([{ topic: "a", data: "after the flood" }])
  await log.close()
})
