import { execFileSync } from "node:child_process"
import { cpSync, globSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"

/** A copy of the checkout in which files may be broken. */
export interface Tree {
  readonly folder: string
  /** Writes other code into a file of the copy; returns the undo. */
  change(file: string, code: string): () => void
}

/** Copies the checkout as it is, changes that are not committed included. It shares the installed packages. */
export function copyTree(folder: string): Tree {
  rmSync(folder, { recursive: true, force: true })
  const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "-z"], {
    encoding: "utf8",
  })
  for (const file of files.split("\0").filter((name) => /^(?:packages|examples|scripts|docs|[^/]+$)/.test(name))) {
    mkdirSync(join(folder, dirname(file)), { recursive: true })
    cpSync(file, join(folder, file))
  }
  for (const packages of ["node_modules", ...globSync("packages/*/node_modules")]) {
    symlinkSync(resolve(packages), join(folder, packages))
  }
  return {
    folder,
    change(file, code) {
      const path = join(folder, file)
      const before = readFileSync(path, "utf8")
      writeFileSync(path, code)
      return () => writeFileSync(path, before)
    },
  }
}
