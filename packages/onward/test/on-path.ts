import { accessSync, constants } from "node:fs"
import { delimiter, join } from "node:path"

/** Where a program is, by any of its names; Debian keeps servers where only root looks. */
export function onPath(...names: readonly string[]): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/usr/lib/postgresql/15/bin"]
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
