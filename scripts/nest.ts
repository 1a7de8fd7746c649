import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"

/** The last release of the previous major version of Nest. */
export const NEST = {
  "@nestjs/common": "11.2.10",
  "@nestjs/core": "11.2.10",
  "@nestjs/platform-express": "11.2.10",
  "@nestjs/platform-fastify": "11.2.8",
  "reflect-metadata": "0.2.2",
  rxjs: "7.8.2",
}

/** Fetches that Nest once. Returns its folder. */
export function fetchNest(): string {
  const folder = resolve(".cache", `nest-${NEST["@nestjs/core"]}`)
  if (existsSync(folder)) return folder
  const unfinished = `${folder}.part`
  rmSync(unfinished, { recursive: true, force: true })
  mkdirSync(unfinished, { recursive: true })
  writeFileSync(join(unfinished, "package.json"), JSON.stringify({ private: true, dependencies: NEST }))
  execFileSync("npm", ["install", "--loglevel=error", "--no-package-lock"], { cwd: unfinished })
  renameSync(unfinished, folder)
  return folder
}
