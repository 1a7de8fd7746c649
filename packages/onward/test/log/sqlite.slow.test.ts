import assert from "node:assert/strict"
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { DatabaseSync } from "node:sqlite"
import { test } from "node:test"
import { systemClock } from "../../src/clock.ts"
import type { Entry, Log, Position } from "../../src/log/index.ts"
import { logCases } from "../../src/log/suite/index.ts"
import { sqliteLog } from "../../src/log/sqlite/index.ts"
import { SEED } from "./compare.ts"
import { temporaryFolder } from "./temporary-folder.ts"

const cases = logCases({
  seed: SEED,
  create() {
    const folder = mkdtempSync(join(tmpdir(), "onward-"))
    return {
      open: (options) => sqliteLog(join(folder, "events.db"), options),
      remove: () => rmSync(folder, { recursive: true }),
    }
  },
})

for (const { name, run } of cases) test(name, run)

async function entriesOf(log: Log): Promise<readonly Entry[]> {
  return (await log.read({ after: (await log.bounds()).first, limit: 1000 })).entries
}

test("a path can be a file URL, or relative", async (t) => {
  const path = join(temporaryFolder(t), "events.db")
  const log = sqliteLog(pathToFileURL(path))
  await log.append([{ topic: "a", data: "" }])
  await log.close()
  assert.ok(existsSync(path))
})

test("a closed log is one file, and the write-ahead log stays small while it is open", async (t) => {
  const path = join(temporaryFolder(t), "events.db")
  const log = sqliteLog(path, { durability: "normal" })
  for (let i = 0; i < 80; i++) await log.append([{ topic: "a", data: "x".repeat(500_000) }])
  assert.ok(statSync(`${path}-wal`).size < 20 * 1024 * 1024, String(statSync(`${path}-wal`).size))
  await log.close()
  assert.ok(!existsSync(`${path}-wal`))
  assert.ok(!existsSync(`${path}-shm`))
})

test("the size of the file is limited: removed entries make room for new ones", async (t) => {
  const path = join(temporaryFolder(t), "events.db")
  const log = sqliteLog(path, { durability: "normal", retention: { count: 200, topic: { count: 20 } } })
  const append = () =>
    log.append(Array.from({ length: 100 }, (_, i) => ({ topic: `t${i % 30}`, data: "x".repeat(1000 + i) })))
  for (let i = 0; i < 10; i++) await append()
  const pages = (): unknown => {
    const database = new DatabaseSync(path)
    const { page_count } = database.prepare("PRAGMA page_count").get() as { page_count: number }
    database.close()
    return page_count
  }
  const before = pages() as number
  for (let i = 0; i < 60; i++) await append()
  assert.ok((pages() as number) <= before * 1.2, `${before} pages became ${pages()}`)
  await log.close()
})

test("a limit lowered while the log was closed is applied when it is opened, without delaying appends", async (t) => {
  const path = join(temporaryFolder(t), "events.db")
  const log = sqliteLog(path, { retention: {} })
  const batch = Array.from({ length: 5000 }, (_, i) => ({ topic: `t${i % 7}`, data: "" }))
  for (let i = 0; i < 3; i++) await log.append(batch)
  await log.close()
  const lowered = sqliteLog(path, { retention: { count: 10, topic: { count: 2 } } })
  await lowered.append([{ topic: "new", data: "1" }])
  await lowered.trim?.()
  const kept = await entriesOf(lowered)
  assert.equal(kept.length, 10)
  assert.deepEqual(kept.at(-1)?.topic, "new")
  await lowered.close()
})

test("entries that are too old are removed without an append", async (t) => {
  let now = 1000
  const log = sqliteLog(join(temporaryFolder(t), "events.db"), {
    retention: { age: 500 },
    clock: { ...systemClock, now: () => now, monotonic: () => now },
  })
  await log.append([{ topic: "a", data: "" }])
  now = 2000
  const deadline = Date.now() + 10_000
  while ((await entriesOf(log)).length > 0) {
    assert.ok(Date.now() < deadline, "within seconds")
    await new Promise((resolve) => void setTimeout(resolve, 50))
  }
  await log.close()
})

test("the size of pending appends is limited, and the log continues", async (t) => {
  const log = sqliteLog(join(temporaryFolder(t), "events.db"), { durability: "normal" })
  const large = log.append([{ topic: "a", data: "x".repeat(60 * 1024 * 1024) }])
  await assert.rejects(log.append([{ topic: "a", data: "x".repeat(10 * 1024 * 1024) }]), {
    code: "log_unavailable",
    retryable: true,
  })
  await large
  await log.append([{ topic: "a", data: "small" }])
  await log.close()
})

test("a page of large entries ends early, and reading on returns the rest", async (t) => {
  const log = sqliteLog(join(temporaryFolder(t), "events.db"), { durability: "normal" })
  const { previous } = await log.append(
    Array.from({ length: 9 }, (_, i) => ({ topic: "a", data: String(i).repeat(1_000_000) })),
  )
  for (const query of [{}, { topics: ["a"] }]) {
    const sizes: number[] = []
    let at = previous
    for (;;) {
      const { entries, next } = await log.read({ after: at, limit: 100, ...query })
      if (entries.length === 0) break
      sizes.push(entries.length)
      at = next
    }
    assert.deepEqual(sizes, [3, 3, 3])
  }
  await log.close()
})

/** All pages of a reader of some topics: data a page. */
async function pagesOf(log: Log, after: Position, topics: readonly string[], limit: number): Promise<string[][]> {
  const pages: string[][] = []
  for (;;) {
    const { entries, next } = await log.read({ after, topics, limit })
    if (next === after) return pages
    pages.push(entries.map(({ data }) => data))
    after = next
  }
}

test("topics are read, located and limited across segments of the log", async (t) => {
  const path = join(temporaryFolder(t), "events.db")
  const log = sqliteLog(path, { durability: "normal", retention: {} })
  const { first } = await log.bounds()
  const noise = Array.from({ length: 3000 }, () => ({ topic: "busy", data: "" }))
  const quiet: Position[] = []
  for (let i = 0; i < 5; i++) {
    const { positions } = await log.append([{ topic: "quiet", data: String(i) }, ...noise])
    quiet.push(positions[0] ?? "")
  }
  assert.deepEqual((await pagesOf(log, first, ["quiet"], 2)).flat(), ["0", "1", "2", "3", "4"])
  for (let count = 1; count <= 5; count++) {
    const after = (await log.locate({ last: count, topics: ["quiet"] })) ?? ""
    assert.equal((await pagesOf(log, after, ["quiet"], 10)).flat().length, count)
  }
  assert.equal(await log.locate({ last: 6, topics: ["quiet"] }), first)
  assert.deepEqual(await log.locate({ last: 1, topics: ["quiet", "busy"] }), await log.locate({ last: 1 }))
  await log.close()

  const limited = sqliteLog(path, { durability: "normal", retention: { topic: { count: 2 } } })
  await limited.trim?.()
  const { entries, lost } = await limited.read({ after: first, topics: ["quiet"], limit: 10 })
  assert.deepEqual(
    entries.map(({ data }) => data),
    ["3", "4"],
  )
  assert.deepEqual(lost?.topics, new Map([["quiet", quiet[2]]]))
  await limited.append([{ topic: "quiet", data: "5" }])
  assert.deepEqual(
    (await entriesOf(limited)).map(({ data }) => data),
    ["4", "", "", "5"],
  )
  await limited.close()
})

test("a reader of very many topics gets pages that end early, and reaches the end", async (t) => {
  const log = sqliteLog(join(temporaryFolder(t), "events.db"), { durability: "normal", retention: {} })
  const topics = Array.from({ length: 4500 }, (_, i) => `user/${i}`)
  const { previous } = await log.append(topics.map((topic, i) => ({ topic, data: String(i) })))
  for (let i = 0; i < 3; i++) await log.append(Array.from({ length: 5000 }, () => ({ topic: "busy", data: "" })))
  await log.append([{ topic: "user/7", data: "last" }])
  const pages = await pagesOf(log, previous, topics, 3000)
  assert.deepEqual(pages.flat(), [...topics.keys(), "last"].map(String))
  assert.ok(
    pages.some((page) => page.length === 0),
    "some pages only move on",
  )
  await log.close()
})

test("appends that arrive while the log commits are one commit", async (t) => {
  const path = join(temporaryFolder(t), "events.db")
  const log = sqliteLog(path)
  await log.append([{ topic: "a", data: "" }])
  let commits = 0
  const watcher = new DatabaseSync(path)
  const version = watcher.prepare("PRAGMA data_version")
  let last = version.get()?.["data_version"]
  const calls = Array.from({ length: 200 }, () =>
    log.append([{ topic: "a", data: "" }]).then(() => {
      const now = version.get()?.["data_version"]
      if (now !== last) commits += 1
      last = now
    }),
  )
  await Promise.all(calls)
  assert.ok(commits >= 1 && commits <= 3, `${commits} commits for 200 appends of one turn`)
  watcher.close()
  await log.close()
})

test("a file counts its topics without entries exactly, and remembers at most 10,000", async (t) => {
  const path = join(temporaryFolder(t), "events.db")
  const log = sqliteLog(path, { durability: "normal", retention: { count: 10 } })
  for (let at = 0; at < 11_000; at += 1_000) {
    await log.append(Array.from({ length: 1_000 }, (_, i) => ({ topic: `t${at + i}`, data: "" })))
  }
  await log.append([{ topic: "t5", data: "again" }])
  await log.trim?.()
  await log.close()
  const database = new DatabaseSync(path)
  const counted = database.prepare("SELECT empty_topics AS counted FROM log").get()?.["counted"]
  const kept = database.prepare("SELECT count(*) AS kept FROM topics WHERE count = 0").get()?.["kept"]
  database.close()
  assert.equal(counted, kept)
  assert.ok((kept as number) <= 10_000, `${String(kept)} topics`)
})
