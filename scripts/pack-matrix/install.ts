import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, globSync, mkdirSync, rmSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { execute } from "../command.ts"
import { TOOLS } from "./versions.ts"

const key = createHash("sha256").update(JSON.stringify(TOOLS)).digest("hex").slice(0, 8)

/** The tools' folder. Users' projects lie inside of it, so that they find the tools. */
export const toolsFolder: string = resolve(".cache", `pack-matrix-${key}`)
export const projectFolder: string = join(toolsFolder, "project")

function npmInstall(cwd: string, ...packages: string[]): void {
  const args = ["install", "--loglevel=error", "--no-package-lock", "--ignore-scripts", "--prefer-offline", ...packages]
  // without the settings of the npm that runs this script, which name another folder
  const { npm_config_local_prefix: _, ...env } = process.env
  execFileSync("npm", args, { cwd, env, stdio: ["ignore", "ignore", "inherit"] })
}

function fetchTools(): void {
  const done = join(toolsFolder, "fetched")
  if (existsSync(done)) return
  console.log("Fetching six TypeScripts and three bundlers …")
  mkdirSync(toolsFolder, { recursive: true })
  writeFileSync(join(toolsFolder, "package.json"), JSON.stringify({ private: true, dependencies: TOOLS }))
  npmInstall(toolsFolder)
  writeFileSync(done, "")
}

/** Builds and packs both packages, and installs the tarballs in an empty folder. */
export async function installPacked(): Promise<void> {
  fetchTools()
  const built = await execute({
    name: "build",
    program: process.execPath,
    args: [...process.execArgv, "scripts/build.ts"],
  })
  if (!built.passed) throw new Error(`The packages do not build:\n${built.output}`)
  rmSync(projectFolder, { recursive: true, force: true })
  mkdirSync(join(projectFolder, "tarballs"), { recursive: true })
  const packages = ["onward", "onward-hub"].map((name) => `--workspace=${name}`)
  const args = [
    "pack",
    "--silent",
    "--ignore-scripts",
    "--pack-destination",
    join(projectFolder, "tarballs"),
    ...packages,
  ]
  execFileSync("npm", args, { stdio: ["ignore", "ignore", "inherit"] })
  writeFileSync(join(projectFolder, "package.json"), JSON.stringify({ private: true, type: "module" }))
  npmInstall(projectFolder, ...globSync("tarballs/*.tgz", { cwd: projectFolder }).map((file) => `./${file}`))
}
