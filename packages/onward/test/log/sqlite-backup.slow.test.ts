import assert from "node:assert/strict"
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test, type TestContext } from "node:test"
import { createHub, OnwardError, type Hub } from "onward"
import { backupSqliteLog, restoreSqliteLog, sqliteLog } from "onward/sqlite"
import { sse } from "onward/node"
import { connect } from "onward/testing"

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "onward-backup-"))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** Publishes numbers on a topic of the log in a file; resolves to their ids. */
async function publish(path: string, numbers: readonly number[]): Promise<string[]> {
  await using hub = createHub({ log: sqliteLog(path) })
  return await hub.publishMany(numbers.map((data) => ({ topic: "a", data })))
}

/** What a client is sent that asks for what comes after an id. */
async function read(hub: Hub, lastEventId: string, count: number): Promise<[event: string, data: string][]> {
  await using client = await connect((req, res) => sse(req, res, hub.subscribe({ topics: ["a"] })), { lastEventId })
  const events = await client.take(count)
  return events.map(({ event, data }) => [event, data])
}

test("a backup made while a hub publishes has all messages acknowledged before", async (t) => {
  const path = join(folder(t), "events.db")
  const hub = createHub({ log: sqliteLog(path) })
  t.after(() => hub.close())
  await hub.publish({ topic: "a", data: 1 })
  const later = Promise.all(Array.from({ length: 50 }, (_, i) => hub.publish({ topic: "a", data: i + 2 })))
  backupSqliteLog(path, `${path}.backup`)
  await later
  await using copy = createHub({ log: sqliteLog(`${path}.backup`) })
  const events = await read(copy, "earliest", 1)
  assert.deepEqual(events, [["message", "1"]])
})

test("a restored log begins a new epoch: a client that is ahead receives a gap, and then the kept entries", async (t) => {
  const path = join(folder(t), "events.db")
  await publish(path, [1, 2])
  backupSqliteLog(path, `${path}.backup`)
  const [, ahead = ""] = await publish(path, [3, 4])
  const replaced = restoreSqliteLog(`${path}.backup`, path)
  assert.ok(replaced !== undefined && existsSync(replaced))
  // its ids would be those of 3 and 4 without a new epoch
  await publish(path, [5, 6])
  await using hub = createHub({ log: sqliteLog(path) })
  const events = await read(hub, ahead, 5)
  assert.equal(events[0]?.[0], "stream.gap")
  assert.match(events[0]?.[1] ?? "", /"reason":"epoch"/)
  assert.deepEqual(
    events.slice(1).map(([, data]) => data),
    ["1", "2", "5", "6"],
  )
  const left = readdirSync(join(path, "..")).filter((name) => name.includes("unfinished"))
  assert.deepEqual(left, [])
})

test("a log that is open in a process is not replaced", async (t) => {
  const path = join(folder(t), "events.db")
  await publish(path, [1])
  backupSqliteLog(path, `${path}.backup`)
  await using hub = createHub({ log: sqliteLog(path) })
  await hub.publish({ topic: "a", data: 2 })
  assert.throws(() => restoreSqliteLog(`${path}.backup`, path), /a process has it open\. Stop the hub, then restore\.$/)
  await hub.publish({ topic: "a", data: 3 })
})

test("a damaged log is replaced, and renamed", async (t) => {
  const path = join(folder(t), "events.db")
  await publish(path, [1])
  backupSqliteLog(path, `${path}.backup`)
  writeFileSync(path, "damaged ".repeat(1_000))
  assert.ok(existsSync(restoreSqliteLog(`${path}.backup`, path) ?? ""))
  await publish(path, [2])
})

const codeOf = (action: () => unknown): string => {
  try {
    action()
  } catch (error) {
    return error instanceof OnwardError ? error.code : String(error)
  }
  return "done"
}

test("a file that is not a log is neither backed up nor restored, and no file is overwritten", async (t) => {
  const path = join(folder(t), "events.db")
  const other = join(folder(t), "other.db")
  writeFileSync(other, "this is not a database. ".repeat(100))
  await publish(path, [1])
  assert.equal(
    codeOf(() => backupSqliteLog(other, `${other}.backup`)),
    "log_corrupt",
  )
  assert.equal(
    codeOf(() => restoreSqliteLog(other, path)),
    "log_corrupt",
  )
  assert.equal(
    codeOf(() => backupSqliteLog(path, other)),
    "log_unavailable",
  )
  assert.equal(
    codeOf(() => backupSqliteLog(`${path}.none`, `${path}.copy`)),
    "log_unavailable",
  )
  assert.equal(
    codeOf(() => restoreSqliteLog(`${path}.none`, path)),
    "log_unavailable",
  )
  assert.equal(existsSync(`${other}.backup`), false)
  await publish(path, [2])
})
