import { accessSync, constants, statSync } from "node:fs"
import { dirname } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { OnwardError } from "../../errors.ts"
import { createEpoch, formatPosition, parsePosition } from "../driver/position.ts"
import { failureOf, isBusy, toOnwardError } from "./failure.ts"
import { filesOf, nameOf, type Files } from "./files.ts"
import { APPLICATION_ID, MIGRATIONS, SCHEMA, SCHEMA_VERSION } from "./schema.ts"
import { bootId, createWitness, isLost, readWitness, type State } from "./witness.ts"

/** Bytes of the write-ahead log after which it is emptied into the file, and cut to if a commit made it larger. */
const WAL_LIMIT = 16 * 1024 * 1024

export interface OpenFile {
  readonly database: DatabaseSync
  readonly epoch: string
  readonly files: Files
}

export interface OpenOptions {
  readonly durability: "full" | "normal"
  readonly timeout: number
}

/** Opens the file, creates what is missing, and refuses what is not a log. Waits for locks, on this thread. */
export function openFile(path: string, { durability, timeout }: OpenOptions): OpenFile {
  checkPlace(path)
  const deadline = performance.now() + timeout
  for (;;) {
    let database: DatabaseSync | undefined
    try {
      const before = filesOf(path)
      database = new DatabaseSync(path)
      prepareFile(database, path)
      const files = filesOf(path)
      return { database, files, epoch: beginLifeIfLost(database, path, { before, files, durability }) }
    } catch (error) {
      database?.close()
      if (error instanceof OnwardError) throw error
      const failure = failureOf(error)
      if (!isBusy(failure) || performance.now() > deadline) throw toOnwardError(path, failure)
      sleep(5)
    }
  }
}

/** Opens a file that {@link openFile} has prepared, for writing. */
export function openForWriting(path: string, durability: "full" | "normal"): DatabaseSync {
  const database = new DatabaseSync(path)
  configure(database)
  // in WAL mode FULL flushes the write-ahead log with every commit, NORMAL with every checkpoint only
  // (sqlite.org/pragma.html#pragma_synchronous)
  database.exec(`PRAGMA synchronous = ${durability === "full" ? "FULL" : "NORMAL"}`)
  // pages written again and again, as those of the counters are, go into the file once a checkpoint
  database.exec(`PRAGMA wal_autocheckpoint = ${WAL_LIMIT / 4096}; PRAGMA journal_size_limit = ${WAL_LIMIT}`)
  return database
}

function checkPlace(path: string): void {
  const folder = dirname(path)
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new OnwardError("log_unavailable", `log ${path}: there is no folder ${folder}: create it first`)
  }
  const file = statSync(path, { throwIfNoEntry: false })
  if (file?.isDirectory()) {
    throw new OnwardError("log_unavailable", `log ${path}: this is a folder: give the path of a file in it`)
  }
  // SQLite would open a file it cannot write without a word, and fail with the first append
  try {
    accessSync(folder, constants.W_OK)
    if (file) accessSync(path, constants.W_OK)
  } catch (cause) {
    throw new OnwardError(
      "log_readonly",
      `log ${path}: it cannot be written: check the permissions of the file and its folder, and how the disk is mounted`,
      { cause },
    )
  }
}

/** Makes a log of an empty file, and checks any other. */
function prepareFile(database: DatabaseSync, path: string): void {
  configure(database)
  if (isEmpty(database)) {
    database.exec("PRAGMA journal_mode = WAL")
    database.exec("BEGIN IMMEDIATE")
    // another process may have been quicker
    if (isEmpty(database)) create(database)
    database.exec("COMMIT")
  }
  const version = pragma(database, "user_version")
  if (pragma(database, "application_id") !== APPLICATION_ID) {
    throw new OnwardError("log_corrupt", `log ${path}: this is a database of another application: choose another path`)
  }
  if (version > SCHEMA_VERSION) {
    throw new OnwardError(
      "log_corrupt",
      `log ${path}: it was written by a newer version of onward (schema ${version}, this one knows ${SCHEMA_VERSION}): update onward`,
    )
  }
  if (version < SCHEMA_VERSION) migrate(database)
  // a copy that somebody converted would work, but slowly and with readers in the way
  database.exec("PRAGMA journal_mode = WAL")
  const epoch = stateOf(database)?.epoch
  if (typeof epoch === "string" && parsePosition(formatPosition(epoch, 0))) return
  throw new OnwardError(
    "log_corrupt",
    `log ${path}: its epoch is missing or not eight characters of 0-9 and a-z: put back a backup`,
  )
}

interface Opening {
  /** What was there before the file was opened. */
  readonly before: Files
  readonly files: Files
  readonly durability: "full" | "normal"
}

/**
 * Begins a new life of the log when acknowledged entries may be gone after an end without `close`: the file has less than a process
 * before has acknowledged, other files are in its place, or the machine went down with commits that were not flushed. Else positions
 * would be given again, to other entries. Returns the epoch.
 */
function beginLifeIfLost(database: DatabaseSync, path: string, { before, files, durability }: Opening): string {
  const boot = bootId()
  // first, because other processes may be appending
  const seen = readWitness(path)
  let state = stateOf(database) as State
  if (isLost(state, { seen, boot, before })) {
    database.exec("BEGIN IMMEDIATE")
    // another process may have been quicker
    state = stateOf(database) as State
    if (isLost(state, { seen, boot, before })) {
      state = { ...state, epoch: createEpoch() }
      database.prepare("UPDATE log SET epoch = ?").run(state.epoch)
    }
    database.exec("COMMIT")
  }
  // a process that flushes less than this one may have the log open
  const isNormal = durability === "normal" || (seen?.durability === "normal" && seen.boot === boot)
  createWitness(path, { ...state, boot, durability: isNormal ? "normal" : "full", files: nameOf(files) })
  return state.epoch
}

const stateOf = (database: DatabaseSync): State | undefined =>
  database.prepare("SELECT epoch, last FROM log").get() as unknown as State | undefined

function create(database: DatabaseSync): void {
  database.exec(SCHEMA)
  database.prepare("INSERT INTO log VALUES (?, 0, 0, 0, 0, 0, 0, 0)").run(createEpoch())
  database.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`)
  database.exec(`PRAGMA application_id = ${APPLICATION_ID}`)
}

/** Brings the tables up to this version, all at once or not at all. */
function migrate(database: DatabaseSync): void {
  database.exec("BEGIN IMMEDIATE")
  try {
    // another process may have been quicker
    for (let version = pragma(database, "user_version"); version < SCHEMA_VERSION; version++) {
      database.exec(MIGRATIONS[version] as string)
      database.exec(`PRAGMA user_version = ${version + 1}`)
    }
    database.exec("COMMIT")
  } catch (error) {
    database.exec("ROLLBACK")
    throw error
  }
}

const isEmpty = (database: DatabaseSync): boolean =>
  pragma(database, "application_id") === 0 &&
  pragma(database, "user_version") === 0 &&
  database.prepare("SELECT 1 FROM sqlite_schema").get() === undefined

function pragma(database: DatabaseSync, name: string): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name])
}

function configure(database: DatabaseSync): void {
  // whoever waits for a lock does so above SQLite: its own waits grow to 100 ms each and starve under load
  database.exec("PRAGMA busy_timeout = 0")
  // the file may be anybody's: nothing in its schema may run functions with side effects (sqlite.org/security.html)
  database.exec("PRAGMA trusted_schema = OFF")
}

const lock = new Int32Array(new SharedArrayBuffer(4))

/** Stops this thread for a while. */
export const sleep = (delay: number): void => void Atomics.wait(lock, 0, 0, delay)
