import { accessSync, constants, statSync } from "node:fs"
import { dirname } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { OnwardError } from "../../errors.ts"
import { createEpoch, formatPosition, parsePosition } from "../driver/position.ts"
import { failureOf, isBusy, NOT_WRITABLE, toOnwardError } from "./failure.ts"
import { filesOf, nameOf, type Files } from "./files.ts"
import { APPLICATION_ID, MIGRATIONS, SCHEMA, SCHEMA_VERSION } from "./schema.ts"
import { bootId, createWitness, isLost, readWitness, type State } from "./witness.ts"

/** Size of the write-ahead log, in bytes, at which SQLite copies it into the database, and to which SQLite truncates it. */
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

/** Opens the file. Creates or migrates the log, and throws for a file that is not a log. Blocks this thread while it waits for locks. */
export function openFile(path: string, { durability, timeout }: OpenOptions): OpenFile {
  checkPath(path)
  const deadline = performance.now() + timeout
  for (;;) {
    let database: DatabaseSync | undefined
    try {
      const before = filesOf(path)
      database = new DatabaseSync(path)
      prepareFile(database, path)
      const files = filesOf(path)
      return { database, files, epoch: beginEpochIfLost(database, path, { before, files, durability }) }
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
  // in WAL mode FULL flushes the write-ahead log with every commit, NORMAL only with every checkpoint
  // (sqlite.org/pragma.html#pragma_synchronous)
  database.exec(`PRAGMA synchronous = ${durability === "full" ? "FULL" : "NORMAL"}`)
  // costs no I/O; without it, pages that were split hold copies of entries that are deleted later (sqlite.org/pragma.html#pragma_secure_delete)
  database.exec("PRAGMA secure_delete = FAST")
  // pages that each commit changes, like those of the counters, are copied into the database once for each checkpoint
  database.exec(`PRAGMA wal_autocheckpoint = ${WAL_LIMIT / 4096}; PRAGMA journal_size_limit = ${WAL_LIMIT}`)
  return database
}

function checkPath(path: string): void {
  const folder = dirname(path)
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new OnwardError("log_unavailable", `log ${path}: the folder ${folder} does not exist. Create it.`)
  }
  const file = statSync(path, { throwIfNoEntry: false })
  if (file?.isDirectory()) {
    throw new OnwardError("log_unavailable", `log ${path}: this is a folder. Pass the path of a file in it.`)
  }
  // SQLite opens a file that it cannot write without an error, and fails with the first append
  try {
    accessSync(folder, constants.W_OK)
    if (file) accessSync(path, constants.W_OK)
  } catch (cause) {
    throw new OnwardError("log_readonly", `log ${path}: ${NOT_WRITABLE}.`, { cause })
  }
}

/** Creates a log in an empty file. Checks and migrates any other file. */
function prepareFile(database: DatabaseSync, path: string): void {
  configure(database)
  if (isEmpty(database)) {
    database.exec("PRAGMA journal_mode = WAL")
    database.exec("BEGIN IMMEDIATE")
    // checked again, because another process can have created the log
    if (isEmpty(database)) create(database)
    database.exec("COMMIT")
  }
  const version = pragma(database, "user_version")
  if (pragma(database, "application_id") !== APPLICATION_ID) {
    throw new OnwardError("log_corrupt", `log ${path}: this is a database of another application. Choose another path.`)
  }
  if (version > SCHEMA_VERSION) {
    throw new OnwardError(
      "log_corrupt",
      `log ${path}: a newer version of onward wrote it (schema ${version}, and this version supports ${SCHEMA_VERSION}). Update onward.`,
    )
  }
  if (version < SCHEMA_VERSION) migrate(database)
  // without WAL mode, for example after a conversion, commits are slower and readers block them
  database.exec("PRAGMA journal_mode = WAL")
  const epoch = stateOf(database)?.epoch
  if (typeof epoch === "string" && parsePosition(formatPosition(epoch, 0))) return
  throw new OnwardError(
    "log_corrupt",
    `log ${path}: its epoch is missing or not eight characters of 0-9 and a-z. Restore a backup.`,
  )
}

interface Opening {
  /** The files just before this process opened them. */
  readonly before: Files
  readonly files: Files
  readonly durability: "full" | "normal"
}

/**
 * Begins a new epoch if acknowledged entries can be missing after an end without `close`: the file has fewer entries than an earlier
 * process has acknowledged, the file was replaced, or the machine stopped before commits were flushed. Otherwise positions would
 * be assigned to other entries again. Returns the epoch.
 */
function beginEpochIfLost(database: DatabaseSync, path: string, { before, files, durability }: Opening): string {
  const boot = bootId()
  // before the state, because other processes can append in between
  const seen = readWitness(path)
  let state = stateOf(database) as State
  if (isLost(state, { seen, boot, before })) {
    database.exec("BEGIN IMMEDIATE")
    // checked again, because another process can have begun the epoch
    state = stateOf(database) as State
    if (isLost(state, { seen, boot, before })) {
      state = { ...state, epoch: createEpoch() }
      database.prepare("UPDATE log SET epoch = ?").run(state.epoch)
    }
    database.exec("COMMIT")
  }
  // a process with a lower durability can have the log open
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

/** Migrates the tables to this version, all or nothing. */
function migrate(database: DatabaseSync): void {
  database.exec("BEGIN IMMEDIATE")
  try {
    // read again, because another process can have migrated
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
  // the callers wait for locks themselves: SQLite's waits grow to 100 ms each and starve under load
  database.exec("PRAGMA busy_timeout = 0")
  // the file is untrusted: its schema must not run functions with side effects (sqlite.org/security.html)
  database.exec("PRAGMA trusted_schema = OFF")
}

const lock = new Int32Array(new SharedArrayBuffer(4))

/** Blocks this thread for a time, in milliseconds. */
export const sleep = (delay: number): void => void Atomics.wait(lock, 0, 0, delay)
