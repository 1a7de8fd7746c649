import { execFile } from "node:child_process"
import { createHash } from "node:crypto"
import { cp, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

const run = promisify(execFile)
const root = fileURLToPath(new URL("../..", import.meta.url))
const library = join(root, "packages/onward")

/** Fetches what an example that is a folder asks for, into .cache, once for each state of its package.json; returns the folder there. */
export async function fetchFramework(example: string): Promise<string> {
  const manifest = await readFile(join(root, "examples", example, "package.json"), "utf8")
  const folder = join(root, ".cache", `${example}-${createHash("sha256").update(manifest).digest("hex").slice(0, 8)}`)
  try {
    await readFile(join(folder, "package.json"))
    return folder
  } catch {
    // not yet
  }
  const unfinished = `${folder}.part`
  await rm(unfinished, { recursive: true, force: true })
  await mkdir(unfinished, { recursive: true })
  const { dependencies, ...others } = JSON.parse(manifest) as { dependencies: Record<string, string> }
  const { onward: _, ...fetched } = dependencies
  await writeFile(join(unfinished, "package.json"), JSON.stringify({ ...others, dependencies: fetched }))
  await run("npm", ["install", "--loglevel=error", "--no-package-lock"], { cwd: unfinished })
  await rename(unfinished, folder)
  return folder
}

/** Puts the example as it is now into its folder, with the library as npm would, and one more route, and builds it. */
export async function buildFramework(
  example: string,
  folder: string,
  { route, cli, args }: { readonly route: string; readonly cli: string; readonly args: readonly string[] },
): Promise<void> {
  const installed = join(folder, "node_modules/onward")
  await rm(installed, { recursive: true, force: true })
  await mkdir(installed, { recursive: true })
  await cp(join(library, "package.json"), join(installed, "package.json"))
  const config = join(library, "tsconfig.build.json")
  await run(join(root, "node_modules/.bin/tsc"), ["--project", config, "--outDir", join(installed, "dist")])
  await cp(join(root, "examples", example), folder, {
    recursive: true,
    filter: (path) => !/[\\/](?:node_modules|package\.json)$/.test(path),
  })
  await mkdir(dirname(join(folder, route)), { recursive: true })
  await cp(new URL("own-route.js", import.meta.url), join(folder, route))
  await run(process.execPath, [join(folder, cli), ...args], {
    cwd: folder,
    env: { ...process.env, NEXT_TELEMETRY_DISABLED: "1", NODE_ENV: "production" },
  })
}
