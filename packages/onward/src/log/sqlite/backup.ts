import { closeSync, copyFileSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { OnwardError } from "../../errors.ts"
import { createEpoch } from "../driver/position.ts"
import { failureOf, isBusy, toOnwardError } from "./failure.ts"
import { openFile } from "./open.ts"
import { APPLICATION_ID } from "./schema.ts"
import { pathOfWitness } from "./witness.ts"

const TIMEOUT = 5_000

/**
 * Copies the log in the file `path` to a new file, while processes use it. The copy contains all messages that were acknowledged before.
 * Blocks this thread until the copy is on disk.
 * @throws OnwardError when `path` is not a log, and when `to` exists or cannot be written
 */
export function backupSqliteLog(path: string, to: string): void {
  if (!existsSync(path))
    throw new OnwardError("log_unavailable", `log ${path}: the file does not exist. Check its path.`)
  if (existsSync(to))
    throw new OnwardError("log_unavailable", `log ${path}: the backup ${to} exists. Choose another file.`)
  const unfinished = `${to}.unfinished`
  try {
    rmSync(unfinished, { force: true })
    // read-only: only the processes that have the log open write its witness
    const database = new DatabaseSync(path, { readOnly: true, timeout: TIMEOUT })
    try {
      const { application_id: id } = database.prepare("PRAGMA application_id").get() as { application_id: number }
      if (id !== APPLICATION_ID) {
        throw new OnwardError("log_corrupt", `log ${path}: this is not a log of Onward. Check its path.`)
      }
      database.prepare("VACUUM INTO ?").run(unfinished)
    } finally {
      database.close()
    }
    flush(unfinished)
    renameSync(unfinished, to)
  } catch (error) {
    rmSync(unfinished, { force: true })
    throw error instanceof OnwardError ? error : toOnwardError(to, failureOf(error))
  }
}

/**
 * Restores a copy made by {@link backupSqliteLog} to the file `path`, in a new epoch: clients that have received newer entries
 * get `stream.gap`. No process may have the log open. Returns the new path of the replaced file, if there was one.
 * @throws OnwardError when `from` is not a log, and when a process has `path` open
 */
export function restoreSqliteLog(from: string, path: string): string | undefined {
  if (!existsSync(from))
    throw new OnwardError("log_unavailable", `backup ${from}: the file does not exist. Check its path.`)
  const unfinished = `${path}.unfinished`
  try {
    copyFileSync(from, unfinished)
    beginEpoch(unfinished)
    const replaced = existsSync(path) ? setAside(path) : undefined
    flush(unfinished)
    renameSync(unfinished, path)
    return replaced
  } finally {
    for (const suffix of ["", "-wal", "-shm"]) rmSync(unfinished + suffix, { force: true })
    rmSync(pathOfWitness(unfinished), { force: true })
  }
}

/** Checks that the file is an undamaged log, and starts a new epoch in it. */
function beginEpoch(path: string): void {
  const { database } = openFile(path, { durability: "full", timeout: TIMEOUT })
  try {
    const { quick_check: found } = database.prepare("PRAGMA quick_check(1)").get() as { readonly quick_check: string }
    if (found !== "ok") throw new OnwardError("log_corrupt", `backup of ${path}: ${found}. Use another backup.`)
    database.prepare("UPDATE log SET epoch = ?").run(createEpoch())
    // into one file, which can be renamed
    database.exec("PRAGMA journal_mode = DELETE")
  } finally {
    database.close()
  }
}

/** Renames a log that no process has open. */
function setAside(path: string): string {
  const replaced = `${path}.replaced-${new Date().toISOString().replaceAll(/[:.]/g, "-")}`
  checkpoint(path)
  renameSync(path, replaced)
  rmSync(pathOfWitness(path), { force: true })
  return replaced
}

/** Empties the write-ahead log into the file, which SQLite does only while no other process has it open (sqlite.org/wal.html, section 3). */
function checkpoint(path: string): void {
  try {
    const database = new DatabaseSync(path)
    try {
      database.exec("PRAGMA journal_mode = DELETE")
    } finally {
      database.close()
    }
  } catch (error) {
    if (!isBusy(failureOf(error))) {
      // the file is damaged, which is a reason to restore
      for (const suffix of ["-wal", "-shm"]) rmSync(path + suffix, { force: true })
      return
    }
    throw new OnwardError("log_unavailable", `log ${path}: a process has it open. Stop the hub, then restore.`, {
      cause: error,
    })
  }
}

function flush(path: string): void {
  const file = openSync(path, "r+")
  fsyncSync(file)
  closeSync(file)
}
