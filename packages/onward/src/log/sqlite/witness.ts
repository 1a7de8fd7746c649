import { closeSync, constants, existsSync, fsyncSync, openSync, readFileSync, rmSync, writeSync } from "node:fs"
import { dirname } from "node:path"
import type { Files } from "./files.ts"

/** A file beside the log, written by the processes that have it open. The next process detects with it whether the log has lost entries. */
export interface Witness {
  readonly epoch: string
  /** The newest acknowledged sequence number. */
  readonly last: number
  /** The boot id of the machine. "-" if the system has none. */
  readonly boot: string
  readonly durability: "full" | "normal"
  /** The inodes of database and write-ahead log. */
  readonly files: string
}

/** The state in the log file. */
export interface State {
  readonly epoch: string
  /** The newest sequence number. */
  readonly last: number
}

interface Evidence {
  readonly seen: Witness | undefined
  readonly boot: string
  /** The files just before this process opened them. */
  readonly before: Files
}

/** True if acknowledged entries can be missing: the file has fewer than the witness, it was replaced, or it was not flushed before a boot. */
export function isLost({ epoch, last }: State, { seen, boot, before }: Evidence): boolean {
  if (seen?.epoch !== epoch) return false
  if (seen.last > last) return true
  return seen.boot === boot ? isReplaced(before, seen.files) : seen.durability === "normal"
}

/**
 * True if a file was replaced. A missing database was just created by another process. A missing write-ahead log was copied into the
 * database.
 */
function isReplaced([database, wal]: Files, seen: string): boolean {
  const [seenDatabase, seenWal] = seen.split(":").map(Number)
  return (database !== undefined && database !== seenDatabase) || (wal !== undefined && wal !== seenWal)
}

/** The path of the witness. It exists while the log is open, and after an end without `close`. */
export const pathOfWitness = (path: string): string => `${path}-seen`

/** Reads the witness. Undefined when it does not exist or cannot be read. */
export function readWitness(path: string): Witness | undefined {
  let text: string
  try {
    text = readFileSync(pathOfWitness(path), "latin1")
  } catch {
    return undefined
  }
  const match = /^(\w{8}) (\d{16}) (\S+) (full|normal) *(\d+:\d+)\n/.exec(text)
  if (!match) return undefined
  const [, epoch = "", last, boot = "", durability, files = ""] = match
  return { epoch, last: Number(last), boot, durability: durability as "full" | "normal", files }
}

/** Writes a witness that survives a power failure. Throws the errors of the file system. */
export function createWitness(path: string, witness: Witness): void {
  const file = openSync(pathOfWitness(path), constants.O_RDWR | constants.O_CREAT, 0o600)
  write(file, witness)
  fsyncSync(file)
  closeSync(file)
  const folder = openSync(dirname(path), "r")
  try {
    fsyncSync(folder)
  } catch {
    // some file systems cannot flush a folder and do not need it
  }
  closeSync(folder)
}

/** Keeps a witness up to date. Each update is one small write, which the system caches. */
export class WitnessWriter {
  readonly #file: number
  readonly #witness: Omit<Witness, "last">
  #last = 0

  constructor(path: string, witness: Omit<Witness, "last">) {
    this.#file = openSync(pathOfWitness(path), constants.O_RDWR | constants.O_CREAT, 0o600)
    this.#witness = witness
  }

  /** Must be called after a commit and before its acknowledgement, so that the witness is never ahead of an undamaged file. */
  see(last: number): void {
    if (last === this.#last) return
    if (this.#last === 0) write(this.#file, { ...this.#witness, last })
    else writeSync(this.#file, digits(last), EPOCH_LENGTH + 1, "latin1")
    this.#last = last
  }

  close(): void {
    closeSync(this.#file)
  }
}

/** Removes the witness after the log was closed, unless another process has the log open: then a write-ahead log exists. */
export function removeWitness(path: string): void {
  if (!existsSync(`${path}-wal`)) rmSync(pathOfWitness(path), { force: true })
}

const EPOCH_LENGTH = 8

const digits = (last: number): string => String(last).padStart(16, "0")

/** Writes a line. The epoch and the digits have a fixed length, and the line end separates it from the rest of an older, longer line. */
const write = (file: number, { epoch, last, boot, durability, files }: Witness): void =>
  void writeSync(file, `${epoch} ${digits(last)} ${boot} ${durability.padEnd(6)} ${files}\n`, 0, "latin1")

/** Returns the boot id of the machine. Only Linux has one that can be read without starting a program. */
export function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim() || "-"
  } catch {
    return "-"
  }
}
