import assert from "node:assert/strict"
import { randomBytes } from "node:crypto"
import { once } from "node:events"
import {
  chmodSync,
  copyFileSync,
  existsSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
  closeSync,
} from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { test } from "node:test"
import { OnwardError, type OnwardErrorCode } from "../../src/errors.ts"
import { repeatsOf, type Log, type StoredMessage } from "../../src/log/index.ts"
import { sqliteLog } from "../../src/log/sqlite/index.ts"
import { output, start } from "./program.ts"
import { fill, runAsRoot, smallDisk } from "./small-disk.ts"
import { temporaryFolder } from "./temporary-folder.ts"

const message = (data: string): StoredMessage => ({ topic: "a", data })

/** What `assert.throws` and `assert.rejects` compare with. */
const failure = (code: OnwardErrorCode, text: RegExp) => (error: unknown) => {
  assert.ok(error instanceof OnwardError, String(error))
  assert.equal(error.code, code)
  assert.match(error.message, text)
  return true
}

async function dataIn(log: Log): Promise<string[]> {
  const { entries } = await log.read({ after: (await log.bounds()).first, limit: 1000 })
  return entries.map(({ data }) => data)
}

test("on a full disk nothing is acknowledged, and with free space the log continues", async (t) => {
  const disk = smallDisk(t)
  if (!disk) return
  const log = sqliteLog(join(disk, "events.db"))
  const { positions } = await log.append([message("before")])
  fill(join(disk, "ballast"))
  const calls = Array.from({ length: 5 }, (_, i) => log.append([message(`${i}`.repeat(10_000))]))
  for (const call of calls) await assert.rejects(call, failure("log_full", /disk is full/))
  assert.deepEqual(await dataIn(log), ["before"])
  rmSync(join(disk, "ballast"))
  const { previous } = await log.append([message("after")])
  assert.equal(previous, positions[0])
  assert.deepEqual(await dataIn(log), ["before", "after"])
  await log.close()
})

test("a log cannot be created on a full disk", (t) => {
  const disk = smallDisk(t)
  if (!disk) return
  fill(join(disk, "ballast"))
  assert.throws(() => sqliteLog(join(disk, "events.db")), failure("log_full", /disk is full/))
})

test("a read-only disk is refused, and the log is intact when it can be written again", async (t) => {
  const disk = smallDisk(t)
  if (!disk) return
  const path = join(disk, "events.db")
  const log = sqliteLog(path)
  await log.append([message("1")])
  await log.close()
  runAsRoot("mount", "-o", "remount,ro", disk)
  assert.throws(() => sqliteLog(path), failure("log_readonly", /cannot be written/))
  runAsRoot("mount", "-o", "remount,rw", disk)
  const again = sqliteLog(path)
  await again.append([message("2")])
  assert.deepEqual(await dataIn(again), ["1", "2"])
  await again.close()
})

// root may write anything
if (process.getuid?.() !== 0) {
  test("a file without write permission is refused", async (t) => {
    const path = join(temporaryFolder(t), "events.db")
    await sqliteLog(path).close()
    chmodSync(path, 0o444)
    assert.throws(() => sqliteLog(path), failure("log_readonly", /cannot be written/))
  })
}

test("a lock of another process is waited for, then reported, and appends work when it is released", async (t) => {
  const path = join(temporaryFolder(t), "events.db")
  const log = sqliteLog(path, { timeout: 100 })
  await log.append([message("before")])
  const holder = start("hold-lock", path)
  await output(holder)
  const calls = [log.append([message("one")]), log.append([message("two")])]
  for (const call of calls) await assert.rejects(call, failure("log_locked", /another process holds a lock/))
  assert.deepEqual(await dataIn(log), ["before"], "reading does not wait for who writes")
  const patient = sqliteLog(path, { timeout: 20_000 })
  const waiting = patient.append([message("after")])
  holder.stdin.end()
  await Promise.all([waiting, once(holder, "exit")])
  await log.append([message("later")])
  assert.deepEqual(await dataIn(log), ["before", "after", "later"])
  await Promise.all([log.close(), patient.close()])
})

test("a file that is not a database is refused", (t) => {
  const path = join(temporaryFolder(t), "events.db")
  writeFileSync(path, randomBytes(100_000))
  assert.throws(() => sqliteLog(path), failure("log_corrupt", /not an SQLite database/))
  assert.equal(statSync(path).size, 100_000, "and left as it was")
})

test("the database of another application is refused and not changed", (t) => {
  const path = join(temporaryFolder(t), "events.db")
  const database = new DatabaseSync(path)
  database.exec("CREATE TABLE accounts (id INTEGER PRIMARY KEY)")
  database.close()
  const before = readFileSync(path)
  assert.throws(() => sqliteLog(path), failure("log_corrupt", /another application/))
  assert.deepEqual(readFileSync(path), before)
})

test("the log of a newer version is refused", async (t) => {
  const path = join(temporaryFolder(t), "events.db")
  await sqliteLog(path).close()
  const database = new DatabaseSync(path)
  database.exec("PRAGMA user_version = 99")
  database.close()
  assert.throws(() => sqliteLog(path), failure("log_corrupt", /newer version of onward wrote it \(schema 99/))
})

test("the file of an older version is migrated: its entries keep their positions, and ids belong to their topics", async (t) => {
  const path = join(temporaryFolder(t), "events.db")
  const log = sqliteLog(path)
  const { positions } = await log.append([{ topic: "a", data: "1", id: "x", idempotencyKey: "k" }, message("2")])
  await log.close()
  const database = new DatabaseSync(path)
  database.exec(`
    DROP INDEX entries_id; DROP INDEX entries_key;
    CREATE UNIQUE INDEX entries_id ON entries (id) WHERE id IS NOT NULL;
    CREATE UNIQUE INDEX entries_key ON entries (key) WHERE key IS NOT NULL;
    PRAGMA user_version = 1`)
  database.close()
  // several processes at once
  const [next, other] = [sqliteLog(path), sqliteLog(path)]
  assert.equal(await next.locate({ id: "x", topics: ["a"] }), positions[0])
  const again = await next.append([
    { topic: "a", data: "1", id: "x" },
    { topic: "b", data: "3", id: "x" },
    { topic: "b", data: "4", idempotencyKey: "k" },
  ])
  assert.equal(again.positions[0], positions[0])
  assert.deepEqual(repeatsOf(again), [true, false, false])
  assert.deepEqual(await dataIn(other), ["1", "2", "3", "4"])
  await Promise.all([next.close(), other.close()])
})

/** Every way of damage must be told, when the file is opened or by the calls that meet it; none may be acknowledged. */
async function assertTold(path: string): Promise<void> {
  let log: Log
  try {
    log = sqliteLog(path)
  } catch (error) {
    failure("log_corrupt", /damaged|epoch is missing/)(error)
    return
  }
  const { last } = await log.bounds().catch(() => ({ last: "" }))
  await assert.rejects(log.append([message("x")]), failure("log_corrupt", /damaged/))
  await assert.rejects(
    async () => {
      await log.read({ after: last, limit: 1 })
      await log.locate({ last: 1_000_000 })
      for (let i = 0; i < 500; i++) await log.locate({ id: `id ${i}` })
    },
    failure("log_corrupt", /damaged/),
  )
  await log.close()
}

/** A log of some hundred pages, closed. */
async function writtenLog(folder: string): Promise<string> {
  const path = join(folder, "events.db")
  const log = sqliteLog(path)
  await log.append(
    Array.from({ length: 500 }, (_, i) => ({ topic: `t${i % 50}`, data: "x".repeat(1000), id: `id ${i}` })),
  )
  await log.close()
  assert.ok(!existsSync(`${path}-wal`), "everything is in the file itself")
  return path
}

test("a truncated file is reported as damaged", async (t) => {
  const path = await writtenLog(temporaryFolder(t))
  truncateSync(path, Math.floor(statSync(path).size / 8192) * 4096)
  await assertTold(path)
})

test("pages overwritten with random bytes are reported as damaged", async (t) => {
  const path = await writtenLog(temporaryFolder(t))
  const file = openSync(path, "r+")
  const { size } = statSync(path)
  writeSync(file, randomBytes(size - 4096), 0, size - 4096, 4096)
  closeSync(file)
  await assertTold(path)
})

test("a folder in place of the file, or a missing folder around it, is reported", (t) => {
  const folder = temporaryFolder(t)
  assert.throws(() => sqliteLog(folder), failure("log_unavailable", /this is a folder/))
  const missing = join(folder, "not", "there")
  assert.throws(
    () => sqliteLog(join(missing, "events.db")),
    failure("log_unavailable", /the folder .*there does not exist\. Create it/),
  )
  assert.ok(!existsSync(missing))
})

test("nothing is acknowledged after the file was removed or replaced", async (t) => {
  const folder = temporaryFolder(t)
  const path = join(folder, "events.db")
  const log = sqliteLog(path)
  await log.append([message("1")])
  renameSync(path, `${path}.old`)
  await assert.rejects(log.append([message("2")]), failure("log_unavailable", /removed or replaced/))
  assert.ok(!existsSync(path), "no new file takes its place")
  const other = sqliteLog(path)
  await other.append([message("other")])
  await assert.rejects(log.append([message("3")]), failure("log_unavailable", /removed or replaced/))
  assert.deepEqual(await dataIn(other), ["other"], "nothing gets into the other log")
  await other.close()
  copyFileSync(`${path}.old`, path)
  await assert.rejects(log.append([message("4")]), failure("log_unavailable", /removed or replaced/), "nor into a copy")
  await log.close()
})

test("when the writer thread ends, pending appends are rejected, and the next one starts another thread", async (t) => {
  const path = join(temporaryFolder(t), "log.db")
  process.once("worker", (thread) => void thread.terminate())
  const log = sqliteLog(path)
  t.after(() => log.close())
  const message = { topic: "a", data: "1" }
  const appends = [log.append([message]), log.append([message])]
  for (const { status, reason } of (await Promise.allSettled(appends)) as PromiseRejectedResult[]) {
    assert.equal(status, "rejected")
    assert.equal((reason as OnwardError).code, "log_unavailable")
    assert.match(String(reason), /writer thread stopped unexpectedly .* Retry with an `idempotencyKey`\./)
  }
  await log.append([message])
  assert.equal((await log.read({ after: (await log.bounds()).first, limit: 10 })).entries.length, 1)
})

test("invalid data fails its own append and no others", async (t) => {
  const log = sqliteLog(join(temporaryFolder(t), "events.db"))
  const odd = { topic: "a", data: { not: "text" } as unknown as string }
  const calls = [log.append([message("1")]), log.append([message("half"), odd]), log.append([message("2")])]
  await assert.rejects(calls[1] as Promise<unknown>, failure("log_unavailable", /./))
  const appended = await Promise.all([calls[0], calls[2]])
  assert.equal(appended[1]?.previous, appended[0]?.positions[0], "no position was used up")
  assert.deepEqual(await dataIn(log), ["1", "2"])
  const unsendable = { topic: "a", data: (() => {}) as unknown as string }
  await assert.rejects(log.append([unsendable]), failure("log_unavailable", /./))
  await log.append([message("3")])
  await log.close()
})

test("after a restored backup got a new epoch, old cursors receive a gap", async (t) => {
  const path = join(temporaryFolder(t), "events.db")
  const log = sqliteLog(path)
  const { positions } = await log.append([message("1")])
  await log.close()
  const database = new DatabaseSync(path)
  database.exec("UPDATE log SET epoch = lower(hex(randomblob(4)))")
  database.close()
  const restored = sqliteLog(path)
  const { entries, lost } = await restored.read({ after: positions[0] ?? "", limit: 10 })
  assert.equal(lost?.reason, "epoch")
  assert.deepEqual(
    entries.map(({ data }) => data),
    ["1"],
  )
  await restored.append([message("2")])
  await restored.close()
})

test("invalid options are TypeErrors", (t) => {
  const path = join(temporaryFolder(t), "events.db")
  assert.throws(() => sqliteLog(""), TypeError)
  assert.throws(() => sqliteLog(":memory:"), /memoryLog/)
  assert.throws(() => sqliteLog(path, { durability: "off" as "full" }), TypeError)
  assert.throws(() => sqliteLog(path, { timeout: -1 }), TypeError)
  assert.throws(() => sqliteLog(path, { retention: { count: Number.NaN } }), TypeError)
  assert.throws(() => sqliteLog(path, { retention: { counts: 1 } as object }), /retention has no option "counts"/)
  assert.ok(!existsSync(path))
})
