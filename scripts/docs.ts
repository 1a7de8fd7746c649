// npm run docs: builds the docs site into site/dist. `npm run docs -- --dev` serves it and shows each change,
// `npm run docs -- --preview` serves what was built.
//
// The generator is a package of its own in site/, so that npm test does not install it.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { execute } from "./command.ts"
import { llmsFull, llmsIndex } from "./docs/llms.ts"
import { pageFiles, readPage, routeOf } from "./docs/pages.ts"

const MODES: Readonly<Record<string, string>> = { "--dev": "dev", "--preview": "preview" }

const [mode, ...rest] = process.argv.slice(2)
const isBuild = mode === undefined
const command = isBuild ? "build" : MODES[mode]
if (command === undefined) {
  console.error(`"${mode}" is not a mode of npm run docs. Use no argument to build, --dev or --preview.`)
  process.exit(2)
}

/** npm writes its hidden lock file last, so an interrupted installation is repeated. */
function isInstalled(): boolean {
  const hidden = "site/node_modules/.package-lock.json"
  if (!existsSync(hidden)) return false
  const versionIn = (file: string): string | undefined => {
    const { packages } = JSON.parse(readFileSync(file, "utf8")) as { packages: Record<string, { version: string }> }
    return packages["node_modules/vitepress"]?.version
  }
  return versionIn(hidden) === versionIn("site/package-lock.json")
}

async function run(program: string, args: readonly string[]): Promise<void> {
  // in site/, where npm finds .npmrc and the lock file; without the settings of the npm that runs this script
  const outcome = await execute(
    { name: program, program, args, cwd: "site" },
    { loud: true, env: { NODE_OPTIONS: undefined, npm_config_local_prefix: undefined } },
  )
  if (!outcome.passed) process.exit(1)
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

if (!isInstalled()) {
  console.log("Installing the generator of the docs site (about 100 packages) …")
  // not `npm ci`, which refuses a lock file without the optional packages of other platforms (npm/cli#4828)
  await run("npm", ["install", "--no-save", "--ignore-scripts", "--loglevel=error"])
}
await run(process.execPath, ["node_modules/vitepress/bin/vitepress.js", command, ...rest])

if (isBuild) {
  write("site/dist/llms.txt", llmsIndex())
  write("site/dist/llms-full.txt", llmsFull())
  for (const file of pageFiles()) write(join("site/dist", `${routeOf(file)}.md`), readPage(file).text)
  console.log("site/dist has the site, each page as Markdown, llms.txt and llms-full.txt.")
}
