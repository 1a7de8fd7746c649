import { globSync, renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"

const [library] = globSync("/usr/lib/*/faketime/libfaketimeMT.so.1")

/** Why tests that set a process's wall clock are skipped on this machine; false when they can run. */
export const missing: string | false =
  library === undefined && "libfaketime is missing: `npm test` installs it on Debian, as root"

/** A wall clock that can be set while a process runs. Its monotonic clock is the machine's. */
export interface SettableClock {
  /** The environment of the processes that go by it. */
  readonly env: Readonly<Record<string, string>>
  /** Sets it so many seconds ahead of the machine's, or with a negative number behind. */
  set(ahead: number): void
}

export function createSettableClock(folder: string): SettableClock {
  const file = join(folder, "wall-clock")
  const set = (ahead: number): void => {
    // renamed, so that no process reads half of it
    writeFileSync(`${file}.new`, `${ahead < 0 ? "" : "+"}${ahead}\n`)
    renameSync(`${file}.new`, file)
  }
  set(0)
  return {
    env: {
      LD_PRELOAD: library ?? "",
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: "1",
      NO_FAKE_STAT: "1",
      // by its old and its new name
      DONT_FAKE_MONOTONIC: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
    },
    set,
  }
}
