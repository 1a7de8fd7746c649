import assert from "node:assert/strict"
import { once } from "node:events"
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs"
import { dirname, join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { test, type TestContext } from "node:test"
import { inSameEpoch, type Log, type Position } from "../../src/log/index.ts"
import { sqliteLog } from "../../src/log/sqlite/index.ts"
import { start } from "./program.ts"
import { temporaryFolder } from "./temporary-folder.ts"

type Durability = "full" | "normal"

interface Acknowledged {
  readonly position: Position
  readonly data: string
}

const pathFor = (t: TestContext): string => join(temporaryFolder(t), "events.db")

/** A process that publishes until it cannot, or is killed. */
function publisher(t: TestContext, path: string, durability: Durability) {
  const child = start("publish-until-killed", path, "p", durability)
  t.after(() => child.kill("SIGKILL"))
  const exited = once(child, "exit")
  let text = ""
  child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()))
  return {
    acknowledged: (): Acknowledged[] =>
      // what follows the last line feed was cut by the kill
      text
        .split("\n")
        .slice(0, -1)
        .map((line) => {
          const [position = "", data = ""] = line.split(" ")
          return { position, data }
        }),
    async published(count: number): Promise<void> {
      while (this.acknowledged().length < count) await Promise.race([once(child.stdout, "data"), exited])
    },
    async kill(): Promise<void> {
      child.kill("SIGKILL")
      await exited
    },
    exited,
  }
}

async function leaveBehind(t: TestContext, path: string, durability: Durability): Promise<Acknowledged[]> {
  const process = publisher(t, path, durability)
  await process.published(200)
  await process.kill()
  return process.acknowledged()
}

async function dataIn(log: Log): Promise<Set<string>> {
  const all = new Set<string>()
  for (let { first: at } = await log.bounds(); ;) {
    const { entries, next } = await log.read({ after: at, limit: 1_000 })
    for (const { data } of entries) all.add(data)
    if (next === at) return all
    at = next
  }
}

const newest = (acknowledged: readonly Acknowledged[]): Position =>
  acknowledged
    .map(({ position }) => position)
    .sort()
    .at(-1) ?? ""

for (const durability of ["full", "normal"] as const) {
  test(`${durability}: a killed process begins no new epoch, and all acknowledged messages are kept`, async (t) => {
    const path = pathFor(t)
    const acknowledged = await leaveBehind(t, path, durability)
    const log = sqliteLog(path, { retention: {}, durability })
    const { entries, lost } = await log.read({ after: newest(acknowledged), limit: 1 })
    assert.deepEqual([entries.length <= 1, lost], [true, undefined])
    const kept = await dataIn(log)
    for (const { data } of acknowledged) assert.ok(kept.has(data), data)
    await log.close()
    assert.deepEqual(readdirSync(dirname(path)), ["events.db"], "closed, it is one file")
  })

  test(`${durability}: lost acknowledged commits begin a new epoch, and readers receive a gap`, async (t) => {
    const path = pathFor(t)
    const acknowledged = await leaveBehind(t, path, durability)
    // as a power failure leaves it, when nothing since the last checkpoint was flushed
    truncateSync(`${path}-wal`, 0)
    rmSync(`${path}-shm`)
    const log = sqliteLog(path, { retention: {}, durability })
    const seen = acknowledged[50]?.position ?? ""
    const { positions } = await log.append([{ topic: "lane 1", data: "after" }])
    assert.ok(!inSameEpoch(positions[0] ?? "", seen))
    const { lost } = await log.read({ after: seen, limit: 1 })
    assert.equal(lost?.reason, "epoch")
    await log.close()
  })

  test(`${durability}: an older copy of the file begins a new epoch`, async (t) => {
    const path = pathFor(t)
    const process = publisher(t, path, durability)
    await process.published(100)
    const copy = join(dirname(path), "copy")
    for (const suffix of ["-wal", ""]) copyFileSync(path + suffix, copy + suffix)
    await process.published(process.acknowledged().length + 100)
    await process.kill()
    for (const suffix of ["-wal", ""]) renameSync(copy + suffix, path + suffix)
    rmSync(`${path}-shm`)
    const log = sqliteLog(path, { retention: {}, durability })
    const { last } = await log.bounds()
    assert.ok(!inSameEpoch(last, newest(process.acknowledged())))
    await log.close()
  })

  test(`${durability}: an older copy of the whole folder begins a new epoch`, async (t) => {
    const folder = temporaryFolder(t)
    const path = join(folder, "log", "events.db")
    mkdirSync(dirname(path))
    const process = publisher(t, path, durability)
    await process.published(100)
    cpSync(dirname(path), join(folder, "copy"), { recursive: true })
    await process.published(process.acknowledged().length + 100)
    await process.kill()
    rmSync(dirname(path), { recursive: true })
    renameSync(join(folder, "copy"), dirname(path))
    const log = sqliteLog(path, { retention: {}, durability })
    assert.ok(!inSameEpoch((await log.bounds()).last, newest(process.acknowledged())))
    await log.close()
  })

  test(`${durability}: after its write-ahead log was removed a process refuses appends, and its acknowledged messages are kept`, async (t) => {
    const path = pathFor(t)
    const process = publisher(t, path, durability)
    await process.published(200)
    rmSync(`${path}-wal`)
    const [code] = (await process.exited) as [number]
    assert.equal(code, 1, "its append rejected, which ended it")
    const acknowledged = process.acknowledged()
    const log = sqliteLog(path, { retention: {}, durability })
    const kept = await dataIn(log)
    for (const { data } of acknowledged) assert.ok(kept.has(data), data)
    await log.close()
  })
}

/** The note beside the file, as another boot of the machine left it. */
function reboot(path: string): void {
  const note = readFileSync(`${path}-seen`, "latin1")
  const [epoch, last, boot = "", ...rest] = note.split(" ")
  writeFileSync(`${path}-seen`, [epoch, last, "0".repeat(boot.length), ...rest].join(" "))
}

test("normal: after the machine stopped with the log open, a new epoch begins, once", async (t) => {
  const path = pathFor(t)
  const acknowledged = await leaveBehind(t, path, "normal")
  reboot(path)
  const [log, other] = [sqliteLog(path, { durability: "normal" }), sqliteLog(path)]
  const { last } = await log.bounds()
  assert.ok(!inSameEpoch(last, newest(acknowledged)))
  assert.ok(inSameEpoch(last, (await other.bounds()).last))
  await Promise.all([log.close(), other.close()])
  const again = sqliteLog(path, { durability: "normal" })
  assert.equal((await again.bounds()).last, last)
  await again.close()
})

test("full: after the machine stopped with the log open, the epoch continues", async (t) => {
  const path = pathFor(t)
  const acknowledged = await leaveBehind(t, path, "full")
  reboot(path)
  const log = sqliteLog(path)
  assert.ok(inSameEpoch((await log.bounds()).last, newest(acknowledged)))
  await log.close()
})

test("full beside normal: the witness says normal while either has the log open", async (t) => {
  const path = pathFor(t)
  const normal = sqliteLog(path, { durability: "normal" })
  const full = sqliteLog(path)
  await full.append([{ topic: "a", data: "1" }])
  assert.match(readFileSync(`${path}-seen`, "latin1"), / normal /)
  await full.close()
  assert.ok(existsSync(`${path}-seen`), "it is there while the other is open")
  await normal.append([{ topic: "a", data: "2" }])
  await normal.close()
  assert.deepEqual(readdirSync(dirname(path)), ["events.db"])
})

for (const suffix of ["", "-wal", "-shm"]) {
  for (const [what, damage] of [
    ["removed", (path: string) => rmSync(path)],
    ["replaced", (path: string) => (copyFileSync(path, `${path}.copy`), renameSync(`${path}.copy`, path))],
  ] as const) {
    test(`when events.db${suffix} is ${what} while the log is open, it refuses all later appends`, async (t) => {
      const path = pathFor(t)
      const log = sqliteLog(path)
      await log.append([{ topic: "a", data: "1" }])
      damage(path + suffix)
      for (let i = 0; i < 3; i++) {
        await assert.rejects(log.append([{ topic: "a", data: "2" }]), {
          code: "log_unavailable",
          message: new RegExp(
            `events\\.db${suffix} was removed or replaced while the log was open\\. Restart the processes`,
          ),
        })
      }
      await log.close()
    })
  }
}

test("every call reports that another process began a new epoch in the file", async (t) => {
  const path = pathFor(t)
  const log = sqliteLog(path)
  const { positions } = await log.append([{ topic: "a", data: "1" }])
  const database = new DatabaseSync(path)
  database.exec("UPDATE log SET epoch = 'another0'")
  database.close()
  const told = { code: "log_unavailable", message: /another process started a new epoch of the log/ }
  await assert.rejects(log.append([{ topic: "a", data: "2" }]), told)
  await assert.rejects(log.read({ after: positions[0] ?? "", limit: 1 }), told)
  await assert.rejects(log.bounds(), told)
  await assert.rejects(log.locate({ last: 1 }), told)
  await log.close()
})
