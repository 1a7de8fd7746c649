import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, rmSync, truncateSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { sqliteLog } from "onward/sqlite"
import type { Attack } from "../stage.ts"

/** Publishes and prints what was acknowledged. */
const PROGRAM = fileURLToPath(new URL("../../../../onward/test/log/programs/publish-until-killed.ts", import.meta.url))
/** How long a process may take to notice that its write-ahead log is gone, in ms. */
const NOTICE_MS = 30_000

/** Processes that write an SQLite log without fsync are ended by SIGKILL, or lose their write-ahead log. */
export const damage: Attack = {
  name: "damage",
  async round({ folder, chance, fail, count }) {
    const path = join(folder, `damaged-${chance.below(1e9)}.db`)
    const kind = chance.pick(["kill", "remove -wal", "truncate -wal"] as const)
    // what it says when its write-ahead log is gone is expected
    const stdio = ["ignore", "pipe", "ignore"] as const
    const child = spawn(process.execPath, [PROGRAM, path, "p", "normal"], { stdio: [...stdio] })
    const exited = once(child, "exit")
    let text = ""
    child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()))
    const lines = (): string[] => text.split("\n").slice(0, -1)
    try {
      while (lines().length < 100 && child.exitCode === null) await wait(5)
      await wait(chance.below(300))
      if (kind === "remove -wal") {
        rmSync(`${path}-wal`)
        const isNoticed = await Promise.race([exited.then(() => true), wait(NOTICE_MS, false)])
        if (!isNoticed) fail("a process went on for 30 s after its write-ahead log was removed")
      }
    } finally {
      child.kill("SIGKILL")
      await exited
    }
    const acknowledged = lines().map((line) => line.split(" "))
    if (kind === "truncate -wal") {
      truncateSync(`${path}-wal`, 0)
      rmSync(`${path}-shm`, { force: true })
    }
    const log = sqliteLog(path, { retention: {}, durability: "normal" })
    try {
      const kept = new Map<string, string>()
      for (let { first: at } = await log.bounds(); ;) {
        const { entries, next } = await log.read({ after: at, limit: 1_000 })
        for (const { position, data } of entries) kept.set(data, position)
        if (next === at) break
        at = next
      }
      const lost = acknowledged.filter(([position, data = ""]) => kept.get(data) !== position)
      count(kind)
      count("acknowledged", acknowledged.length)
      const cursor = acknowledged[Math.floor(acknowledged.length / 2)]?.[0] ?? ""
      const { lost: told } = await log.read({ after: cursor, limit: 1 })
      // as after a power failure: what is gone is announced
      if (kind === "truncate -wal" && lost.length > 0 && !told) fail(`${lost.length} entries were lost without a gap`)
      if (kind !== "truncate -wal" && lost.length > 0) fail(`${kind}: ${lost.length} acknowledged entries were lost`)
    } finally {
      await log.close()
      for (const end of ["", "-wal", "-shm", "-seen"]) if (existsSync(path + end)) rmSync(path + end)
    }
  },
}
