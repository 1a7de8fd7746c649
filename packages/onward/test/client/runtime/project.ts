import { execFileSync } from "node:child_process"
import { copyFileSync, globSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs"
import { stripTypeScriptTypes } from "node:module"
import { tmpdir } from "node:os"
import { delimiter, dirname, join } from "node:path"
import { packageRoot, repositoryRoot } from "../../house/imports.ts"

/** Whoever installs the library has none of the flags this suite runs with. */
const { NODE_OPTIONS: _flags, ...inherited } = process.env
export const env: NodeJS.ProcessEnv = {
  ...inherited,
  PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH}`,
}

const binaries = join(repositoryRoot, "node_modules/.bin")

/**
 * Makes a project as users have one, with the library compiled and where npm puts it, and the cases as JavaScript; returns its folder. What
 * each runtime imports there follows from the `exports` of `package.json`, by its own rules.
 */
export function createProject(): string {
  const folder = mkdtempSync(join(tmpdir(), "onward-runtimes-"))
  const library = join(folder, "node_modules/onward")
  mkdirSync(library, { recursive: true })
  copyFileSync(join(packageRoot, "package.json"), join(library, "package.json"))
  const config = join(packageRoot, "tsconfig.build.json")
  execFileSync(join(binaries, "tsc"), ["--project", config, "--outDir", join(library, "dist")], { env })
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }))
  for (const path of globSync("{case,*cases,handler,programs/*}.ts", { cwd: import.meta.dirname })) {
    const code = stripTypeScriptTypes(readFileSync(join(import.meta.dirname, path), "utf8"))
    const to = join(folder, path.replace(/ts$/, "js"))
    mkdirSync(dirname(to), { recursive: true })
    writeFileSync(to, code.replaceAll(/(?<=from "\.[\w./-]+)\.ts"/g, '.js"'))
  }
  return folder
}
