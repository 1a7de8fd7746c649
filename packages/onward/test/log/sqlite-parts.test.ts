import assert from "node:assert/strict"
import { readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { AgeClock } from "../../src/log/sqlite/age-clock.ts"
import { failureOf, isBusy, isOfOneCall, toOnwardError } from "../../src/log/sqlite/failure.ts"
import { FileCheck, filesOf, nameOf } from "../../src/log/sqlite/files.ts"
import {
  bootId,
  createWitness,
  pathOfWitness,
  readWitness,
  removeWitness,
  WitnessWriter,
  type Witness,
} from "../../src/log/sqlite/witness.ts"
import { temporaryFolder } from "./temporary-folder.ts"

test("a failure of SQLite has the code of its cause, with any details", () => {
  const codeOf = (errcode?: number): string => toOnwardError("a.db", { message: "M", ...(errcode && { errcode }) }).code
  for (const [errcode, code] of [
    [5, "log_locked"],
    [6, "log_locked"],
    // SQLITE_BUSY_SNAPSHOT and SQLITE_LOCKED_SHAREDCACHE
    [517, "log_locked"],
    [262, "log_locked"],
    [8, "log_readonly"],
    [11, "log_corrupt"],
    [13, "log_full"],
    // SQLITE_IOERR_SHMSIZE: no room for the index of the write-ahead log
    [4874, "log_full"],
    [4618, "log_unavailable"],
    [14, "log_unavailable"],
    [26, "log_corrupt"],
    [1, "log_unavailable"],
    [undefined, "log_unavailable"],
  ] as const) {
    assert.equal(codeOf(errcode), code, String(errcode))
  }
  const error = toOnwardError("a.db", { message: "disk I/O error", errcode: 10 })
  assert.equal(error.message, "log a.db: disk I/O error.")
  assert.equal((error.cause as { errcode: number }).errcode, 10)
  assert.ok(!("errcode" in (toOnwardError("a.db", { message: "M" }).cause as object)))
})

test("a locked file is worth another try, and invalid data concerns one call", () => {
  const all = Array.from({ length: 30 }, (_, errcode) => errcode)
  const those = (is: (failure: { message: string; errcode: number }) => boolean): number[] =>
    all.filter((errcode) => is({ message: "", errcode }))
  assert.deepEqual(those(isBusy), [5, 6])
  assert.deepEqual(those(isOfOneCall), [18, 19, 20, 25])
  assert.equal(isBusy({ message: "", errcode: 517 }), true)
  assert.equal(isBusy({ message: "" }), false)
  assert.equal(isOfOneCall({ message: "", errcode: 2067 }), true)
  assert.equal(isOfOneCall({ message: "" }), true)
  assert.deepEqual(failureOf(Object.assign(new Error("M"), { errcode: 5 })), { message: "M", errcode: 5 })
  assert.deepEqual(failureOf(new Error("M")), { message: "M" })
  assert.deepEqual(failureOf("text"), { message: "text" })
})

const MINUTE = 60_000

test("the clock for ages ignores a jump of more than a minute until entries from before it are gone", () => {
  const times = (count: number, newest: number, oldest = newest) => ({ count, newest, oldest: () => oldest })
  const at = (wall: number, monotonic: number) => ({ wall, monotonic })
  const day = 86_400_000
  const start = 1_000 * day

  const drift = new AgeClock()
  assert.equal(drift.read(at(start, 0), times(1, start)), start)
  assert.equal(drift.read(at(start + MINUTE, 0), times(1, start)), start + MINUTE)
  assert.equal(drift.read(at(start + 2 * MINUTE + 1, 0), times(1, start)), start + MINUTE)

  const jumped = new AgeClock()
  jumped.read(at(start, 0), times(1, start))
  assert.equal(jumped.read(at(start + day, 500), times(1, start)), start + 500)
  // of two jumps, both count
  assert.equal(jumped.read(at(start + 3 * day, 1_000), times(2, start + day, start)), start + 1_000)
  // entries from before the last jump are gone
  assert.equal(jumped.read(at(start + 3 * day, 1_000), times(1, start + 3 * day)), start + 3 * day)

  const emptied = new AgeClock()
  emptied.read(at(start, 0), times(1, start))
  emptied.read(at(start + day, 0), times(1, start))
  assert.equal(emptied.read(at(start + day, 0), times(0, start)), start + day)

  const corrected = new AgeClock()
  corrected.read(at(start, 0), times(1, start))
  assert.equal(corrected.read(at(start + day, 0), times(1, start)), start)
  assert.equal(corrected.read(at(start + MINUTE, 0), times(1, start)), start)
  assert.equal(corrected.read(at(start - day, 0), times(1, start)), start - day)

  // when a file is opened, only its newest entry tells of a jump
  assert.equal(new AgeClock().read(at(start + day, 0), times(1, start)), start)
  assert.equal(new AgeClock().read(at(start + MINUTE, 0), times(1, start)), start + MINUTE)
  assert.equal(new AgeClock().read(at(start + day, 0), times(0, 0)), start + day)
  // the clock of another process can be ahead, but not by more than a minute
  assert.equal(new AgeClock().read(at(start, 0), times(1, start + MINUTE)), start + MINUTE)
  assert.equal(new AgeClock().read(at(start, 0), times(1, start + MINUTE + 1)), start)
})

const SEEN: Witness = { epoch: "aaaaaaaa", last: 7, boot: "b", durability: "full", files: "10:11" }

test("a witness is read as it was written, and not when it is damaged", (t) => {
  const path = join(temporaryFolder(t), "events.db")
  assert.equal(readWitness(path), undefined)
  createWitness(path, { ...SEEN, boot: "a-longer-boot-id", durability: "normal", files: "1234567:7654321" })
  createWitness(path, SEEN)
  assert.deepEqual(readWitness(path), SEEN)
  assert.equal(statSync(pathOfWitness(path)).mode & 0o777, 0o600)
  const writer = new WitnessWriter(path, { ...SEEN, durability: "normal" })
  assert.deepEqual(readWitness(path), SEEN)
  for (const last of [8, 1_000_000, 1_000_000]) {
    writer.see(last)
    assert.deepEqual(readWitness(path), { ...SEEN, durability: "normal", last })
  }
  // the rest of the line stays as it is
  const other = new WitnessWriter(path, { ...SEEN, boot: "c" })
  other.see(3)
  writer.see(9)
  assert.deepEqual(readWitness(path), { ...SEEN, boot: "c", last: 9 })
  writer.close()
  assert.throws(() => writer.see(10), { code: "EBADF" })
  other.close()
  const line = readFileSync(pathOfWitness(path), "latin1")
  for (const damaged of ["", line.slice(1), line.slice(0, line.indexOf("\n")), line.replace("full", "fool")]) {
    writeFileSync(pathOfWitness(path), damaged)
    assert.equal(readWitness(path), undefined, damaged)
  }
  writeFileSync(`${path}-wal`, "")
  removeWitness(path)
  assert.equal(readFileSync(pathOfWitness(path), "latin1").length > 0, true, "another process has the log open")
  rmSync(`${path}-wal`)
  removeWitness(path)
  removeWitness(path)
  assert.equal(filesOf(pathOfWitness(path))[0], undefined)
  assert.match(bootId(), /^(?:-|[0-9a-f-]{36})$/)
})

test("a file of a log that is removed or replaced is named from then on", (t) => {
  const folder = temporaryFolder(t)
  const path = join(folder, "events.db")
  for (const suffix of ["", "-wal", "-shm"]) writeFileSync(path + suffix, "")
  const files = filesOf(path)
  assert.equal(nameOf(files), `${files[0]}:${files[1]}`)
  assert.equal(nameOf([undefined, undefined, undefined]), "0:0")
  assert.equal(nameOf([5, undefined, 7]), "5:0")

  const check = new FileCheck(path, files)
  assert.equal(check.missing(), undefined)
  assert.equal(check.canBeSaved(), false)
  renameSync(`${path}-wal`, `${path}-was`)
  assert.equal(check.missing(), `${path}-wal`)
  assert.equal(check.canBeSaved(), true)
  renameSync(`${path}-was`, `${path}-wal`)
  assert.equal(check.missing(), `${path}-wal`)
  assert.equal(check.canBeSaved(), false)

  const replaced = new FileCheck(path, files)
  writeFileSync(`${path}-new`, "")
  renameSync(`${path}-new`, path)
  assert.equal(replaced.missing(), path)
  rmSync(`${path}-wal`)
  assert.equal(replaced.canBeSaved(), false)

  // an old change of the folder was examined once; a new one can have the same time, and is
  const last = new FileCheck(path, filesOf(path))
  const change = (ago: number) => utimesSync(folder, new Date(), new Date(Date.now() - ago))
  change(10_000)
  const { mtime } = statSync(folder)
  assert.equal(last.missing(), undefined)
  rmSync(`${path}-shm`)
  utimesSync(folder, mtime, mtime)
  assert.equal(last.missing(), undefined)
  change(0)
  assert.equal(last.missing(), `${path}-shm`)
})

test("the folder of a log can be removed just after a change of it, and its files are missing then", (t) => {
  const folder = temporaryFolder(t)
  const path = join(folder, "events.db")
  writeFileSync(path, "")
  const check = new FileCheck(path, filesOf(path))
  assert.equal(check.missing(), undefined)
  rmSync(folder, { recursive: true })
  assert.equal(check.missing(), path)
})
