import { execFileSync } from "node:child_process"
import {
  cpSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { dirname, join, resolve } from "node:path"

/** The packages of this workspace, which a copy must take from itself. */
const OWN = /^onward(?:-|$)/

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
    mkdirSync(join(folder, packages), { recursive: true })
    for (const name of readdirSync(packages)) {
      const target = OWN.test(name) ? readlinkSync(join(packages, name)) : resolve(packages, name)
      symlinkSync(target, join(folder, packages, name))
    }
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
