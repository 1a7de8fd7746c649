import { execFile } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, globSync } from "node:fs"
import { cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

const run = promisify(execFile)
const root = fileURLToPath(new URL("../..", import.meta.url))
const library = join(root, "packages/onward")
const CASES = join(library, "test/adapters/programs/fetch-cases.ts")

/** Each route of a built app may have modules of its own, as in development. */
const ONCE = `
const globals = globalThis as { cases?: FetchCases }
export const { make, control, options } = (globals.cases ??= createFetchCases())
`

/** The version that an example asks for of a package. */
export async function versionIn(example: string, name: string): Promise<string> {
  const manifest = await readFile(join(root, "examples", example, "package.json"), "utf8")
  const { dependencies, devDependencies } = JSON.parse(manifest) as Record<string, Record<string, string>>
  return { ...devDependencies, ...dependencies }[name] as string
}

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

/** The library as npm would put it, compiled once for all apps. */
let compiled: Promise<string> | undefined

async function compile(folder = join(root, ".cache/onward")): Promise<string> {
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  await cp(join(library, "package.json"), join(folder, "package.json"))
  const config = join(library, "tsconfig.build.json")
  await run(join(root, "node_modules/.bin/tsc"), ["--project", config, "--outDir", join(folder, "dist")])
  return folder
}

/** Puts an example whose dependencies are those of the workspace into a new folder, with the library as published. */
export async function placeExample(example: string): Promise<string> {
  await mkdir(join(root, ".cache"), { recursive: true })
  const folder = await mkdtemp(join(root, ".cache", `${example}-`))
  await cp(join(root, "examples", example), folder, { recursive: true })
  await compile(join(folder, "node_modules/onward"))
  return folder
}

/** Puts the example as it is now into its folder, with the library, and the routes that tests ask. */
export async function placeFramework(example: string, folder: string): Promise<void> {
  const installed = join(folder, "node_modules/onward")
  await rm(installed, { recursive: true, force: true })
  await cp(await (compiled ??= compile()), installed, { recursive: true })
  await cp(join(root, "examples", example), folder, {
    recursive: true,
    filter: (path) => !/[\\/](?:node_modules|package\.json)$/.test(path),
  })
  const routes = fileURLToPath(new URL(`routes/${example}`, import.meta.url))
  if (!existsSync(routes)) return
  await cp(routes, folder, { recursive: true })
  await writeFile(join(folder, "cases.ts"), (await readFile(CASES, "utf8")) + ONCE)
}

/** Compiles an example's own files against the types of its framework: they are to fit without casts. */
export async function compileExample(example: string, folder: string, types = "node"): Promise<void> {
  const files = globSync("**/*.ts", { cwd: join(root, "examples", example), exclude: ["**/node_modules/**"] })
  const options = [
    "--noEmit",
    "--strict",
    "--skipLibCheck",
    "--types",
    types,
    "--target",
    "esnext",
    "--experimentalDecorators",
  ]
  const modules = ["--module", "preserve", "--moduleResolution", "bundler"]
  await run(join(root, "node_modules/.bin/tsc"), ["--ignoreConfig", ...options, ...modules, ...files], { cwd: folder })
}

/** Builds what was placed in the folder, with the program and arguments given. */
export async function buildFramework(folder: string, [cli = "", ...args]: readonly string[]): Promise<void> {
  await run(process.execPath, [join(folder, cli), ...args], {
    cwd: folder,
    env: {
      ...process.env,
      NEXT_TELEMETRY_DISABLED: "1",
      ASTRO_TELEMETRY_DISABLED: "1",
      NODE_ENV: "production",
    },
  })
}
