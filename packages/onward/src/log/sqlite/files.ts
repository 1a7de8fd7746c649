import { statSync } from "node:fs"
import { dirname } from "node:path"

/** The inodes of the files of a log: the database, its write-ahead log, and the index of the write-ahead log. */
export type Files = readonly [database: number | undefined, wal: number | undefined, index: number | undefined]

const SUFFIXES = ["", "-wal", "-shm"] as const

/** Returns the inodes of the files of a log. Used to detect that a file was replaced or removed while the log is open. */
export const filesOf = (path: string): Files =>
  SUFFIXES.map((suffix) => statSync(path + suffix, { throwIfNoEntry: false })?.ino) as unknown as Files

/** After a change of a folder, its modification time can miss another change for this time, in milliseconds: file systems have a resolution of 10 ms or better. */
const MIN_AGE = 50

/** Checks whether the files are still those that were opened. Examines each file only after a change in their folder. */
export class FileCheck {
  readonly #path: string
  readonly #folder: string
  readonly #files: Files
  /** When the folder was changed last, if its files were examined long enough after it. */
  #examinedAt: number | undefined
  /** The first file that was removed or replaced. Never reset. */
  #missing: string | undefined

  constructor(path: string, files: Files) {
    this.#path = path
    this.#folder = dirname(path)
    this.#files = files
  }

  missing(): string | undefined {
    const changedAt = statSync(this.#folder, { throwIfNoEntry: false })?.mtimeMs ?? 0
    if (changedAt === this.#examinedAt || this.#missing !== undefined) return this.#missing
    const now = filesOf(this.#path)
    const found = SUFFIXES.find((_, i) => now[i] !== this.#files[i])
    if (found !== undefined) this.#missing = this.#path + found
    this.#examinedAt = Date.now() - changedAt > MIN_AGE ? changedAt : undefined
    return this.#missing
  }

  /** True when the write-ahead log was removed but not replaced, and the database is still the one that was opened. */
  canBeSaved(): boolean {
    const [database, wal] = filesOf(this.#path)
    return database === this.#files[0] && wal === undefined
  }
}

/** Encodes the inodes of database and write-ahead log. */
export const nameOf = ([database = 0, wal = 0]: Files): string => `${database}:${wal}`
