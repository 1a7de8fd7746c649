import { closeSync, constants, existsSync, fsyncSync, openSync, readFileSync, rmSync, writeSync } from "node:fs"
import { dirname } from "node:path"
import type { Files } from "./files.ts"

/** What the processes that have the log open write beside it, so that the next one can tell whether the file lost something. */
export interface Witness {
  readonly epoch: string
  /** The newest sequence number that was acknowledged. */
  readonly last: number
  /** Which boot of the machine it was; "-" where the system does not tell. */
  readonly boot: string
  readonly durability: "full" | "normal"
  /** The inodes of database and write-ahead log. */
  readonly files: string
}

/** What a log file says of itself. */
export interface State {
  readonly epoch: string
  /** Its newest sequence number. */
  readonly last: number
}

interface Evidence {
  readonly seen: Witness | undefined
  readonly boot: string
  /** The files as they were just before this process opened them. */
  readonly before: Files
}

/** Whether acknowledged entries may be missing from a file: it has less than a witness saw, or it is another file, or it was not flushed. */
export function isLost({ epoch, last }: State, { seen, boot, before }: Evidence): boolean {
  if (seen?.epoch !== epoch) return false
  if (seen.last > last) return true
  return seen.boot === boot ? areOthers(before, seen.files) : seen.durability === "normal"
}

/**
 * Whether the files are not those that a process had open. A file that was not there yet is one that another process has created in the same
 * moment; a write-ahead log that is not there any more was emptied into the database.
 */
function areOthers([database, wal]: Files, seen: string): boolean {
  const [seenDatabase, seenWal] = seen.split(":").map(Number)
  return (database !== undefined && database !== seenDatabase) || (wal !== undefined && wal !== seenWal)
}

/** There is one while the log is open, and after an end without `close`. */
export const pathOfWitness = (path: string): string => `${path}-seen`

/** Undefined when there is none, or none that can be read: then nothing is known. */
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

/** Writes it so that it survives a power failure. Throws what the file system throws. */
export function createWitness(path: string, witness: Witness): void {
  const file = openSync(pathOfWitness(path), constants.O_RDWR | constants.O_CREAT, 0o600)
  write(file, witness)
  fsyncSync(file)
  closeSync(file)
  const folder = openSync(dirname(path), "r")
  try {
    fsyncSync(folder)
  } catch {
    // some file systems cannot flush a folder, and need not
  }
  closeSync(folder)
}

/** Keeps a witness up to date, at the price of one small write into memory of the system. */
export class WitnessWriter {
  readonly #file: number
  readonly #witness: Omit<Witness, "last">
  #last = 0

  constructor(path: string, witness: Omit<Witness, "last">) {
    this.#file = openSync(pathOfWitness(path), constants.O_RDWR | constants.O_CREAT, 0o600)
    this.#witness = witness
  }

  /** To be called after a commit, before it is acknowledged: so the witness never knows more than a file that lost nothing. */
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

/** Removes it once the log was closed, unless another process has the log open: then there is a write-ahead log. */
export function removeWitness(path: string): void {
  if (!existsSync(`${path}-wal`)) rmSync(pathOfWitness(path), { force: true })
}

const EPOCH_LENGTH = 8

const digits = (last: number): string => String(last).padStart(16, "0")

/** What it begins with has one length for all, and a line end ends it, so that nothing of an older one is read. */
const write = (file: number, { epoch, last, boot, durability, files }: Witness): void =>
  void writeSync(file, `${epoch} ${digits(last)} ${boot} ${durability.padEnd(6)} ${files}\n`, 0, "latin1")

/** Linux only: elsewhere a boot cannot be told from another without starting a program. */
export function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim() || "-"
  } catch {
    return "-"
  }
}
