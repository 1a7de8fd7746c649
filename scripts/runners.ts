// npm run test:runners: runs a user's tests of a stream with Vitest and Jest, on the built library. The runners are fetched when needed, and are
// not in package-lock.json, which they would double.
import { execFileSync } from "node:child_process"
import { copyFileSync, cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { type Command, execute } from "./command.ts"

const VERSIONS = { vitest: "5.1.1", jest: "30.5.2" }

const folder = resolve(".cache", `runners-${Object.values(VERSIONS).join("-")}`)
const project = join(folder, "project")
const installed = join(folder, "node_modules", "onward")

/** The command of each runner for one file. Both need no configuration file. */
const RUNNERS: Readonly<Record<string, (file: string) => Omit<Command, "name">>> = {
  vitest: (file) => ({
    program: process.execPath,
    args: [join(folder, "node_modules/vitest/vitest.mjs"), "run", "--globals", file],
  }),
  jest: (file) => ({
    program: process.execPath,
    args: [
      "--experimental-vm-modules",
      "--disable-warning=ExperimentalWarning",
      join(folder, "node_modules/jest/bin/jest.js"),
      `--rootDir=${project}`,
      "--testRegex=\\.spec\\.js$",
      "--transform={}",
      file,
    ],
  }),
}

/** The messages of the two wrong expectations. */
const COMPLAINTS = [/what was not/, /1 of 1 events did not come within 2000 ms/]

function fetchRunners(): void {
  if (Object.keys(VERSIONS).every((name) => existsSync(join(folder, "node_modules", name)))) return
  console.log("Fetching Vitest and Jest …")
  mkdirSync(folder, { recursive: true })
  writeFileSync(
    join(folder, "package.json"),
    JSON.stringify({ private: true, type: "module", devDependencies: VERSIONS }),
  )
  execFileSync("npm", ["install", "--loglevel=error", "--no-package-lock", "--ignore-scripts"], { cwd: folder })
}

/** Installs the built library like npm does. */
async function installLibrary(): Promise<void> {
  rmSync(installed, { recursive: true, force: true })
  mkdirSync(installed, { recursive: true })
  copyFileSync("packages/onward/package.json", join(installed, "package.json"))
  const args = ["--project", "packages/onward/tsconfig.build.json", "--outDir", join(installed, "dist")]
  const built = await execute({ name: "build", program: "tsc", args })
  if (!built.passed) throw new Error(`onward does not build. Fix this:\n${built.output}`)
}

/** Runs the two files. Returns what went wrong; empty if all is correct. */
async function complaintsAbout(runner: (file: string) => Omit<Command, "name">): Promise<string[]> {
  // without the import condition of this process, which users do not have
  const options = { env: { NODE_OPTIONS: undefined, NO_COLOR: "1", FORCE_COLOR: undefined } }
  const right = await execute({ name: "feed", cwd: project, ...runner("feed.spec.js") }, options)
  const wrong = await execute({ name: "wrong", cwd: project, ...runner("wrong.spec.js") }, options)
  return [
    ...(right.passed ? [] : [`feed.spec.js should pass:\n${right.output}`]),
    ...(wrong.passed ? ["wrong.spec.js should fail"] : []),
    ...COMPLAINTS.filter((complaint) => !complaint.test(wrong.output)).map(
      (complaint) => `wrong.spec.js should say ${String(complaint)}:\n${wrong.output}`,
    ),
  ]
}

fetchRunners()
await installLibrary()
rmSync(project, { recursive: true, force: true })
cpSync("packages/onward/test/testing/project", project, { recursive: true })
for (const [name, runner] of Object.entries(RUNNERS)) {
  const complaints = await complaintsAbout(runner)
  console.log([`${name}: ${complaints.length === 0 ? "passed" : "FAILED"}`, ...complaints].join("\n"))
  if (complaints.length > 0) process.exitCode = 1
}
