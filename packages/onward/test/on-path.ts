import { accessSync, constants, globSync } from "node:fs"
import { delimiter, join } from "node:path"

/** Where Debian keeps servers; of PostgreSQL's versions the newest comes first. */
const SERVER_FOLDERS = [
  "/usr/sbin",
  ...globSync("/usr/lib/postgresql/*/bin").sort((a, b) => b.localeCompare(a, "en", { numeric: true })),
]

/** The path of a program, which may have several names; undefined when this machine does not have it. */
export function onPath(...names: readonly string[]): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), ...SERVER_FOLDERS]
  return folders.flatMap((folder) => names.map((name) => join(folder, name))).find(canRun)
}

export function canRun(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
