import { statSync } from "node:fs"
import { dirname } from "node:path"

/** Which files a log is made of, whatever their names: the database, its write-ahead log, and the index of that. */
export type Files = readonly [database: number | undefined, wal: number | undefined, index: number | undefined]

const SUFFIXES = ["", "-wal", "-shm"] as const

/** Entries must not get into files that have taken the place of those that were opened, or that nobody can open any more. */
export const filesOf = (path: string): Files =>
  SUFFIXES.map((suffix) => statSync(path + suffix, { throwIfNoEntry: false })?.ino) as unknown as Files

/** A folder whose last change is younger may change again without showing it: clocks of file systems tick every 10 ms at worst. */
const YOUNG = 50

/** Tells whether the files are still those that were opened; looks at each only when something in their folder has changed. */
export class FileCheck {
  readonly #path: string
  readonly #folder: string
  readonly #files: Files
  #changedAt = 0
  /** The first file that was removed or replaced: once there is one, it stays so. */
  #missing: string | undefined

  constructor(path: string, files: Files) {
    this.#path = path
    this.#folder = dirname(path)
    this.#files = files
  }

  missing(): string | undefined {
    const changedAt = statSync(this.#folder, { throwIfNoEntry: false })?.mtimeMs ?? 0
    if (changedAt === this.#changedAt || this.#missing !== undefined) return this.#missing
    const now = filesOf(this.#path)
    const found = SUFFIXES.find((_, i) => now[i] !== this.#files[i])
    if (found !== undefined) this.#missing = this.#path + found
    this.#changedAt = Date.now() - changedAt > YOUNG ? changedAt : 0
    return this.#missing
  }

  /** True when nothing has taken the place of the write-ahead log, and the database is still the one that was opened. */
  canBeSaved(): boolean {
    const [database, wal] = filesOf(this.#path)
    return database === this.#files[0] && wal === undefined
  }
}

/** Database and write-ahead log in one word. */
export const nameOf = ([database = 0, wal = 0]: Files): string => `${database}:${wal}`
