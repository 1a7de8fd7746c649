import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { execute, type Outcome } from "../command.ts"
import { projectFolder, toolsFolder } from "./install.ts"
import { TYPESCRIPTS } from "./versions.ts"

/** What a user's compiler knows besides the language. */
interface Platform {
  readonly lib: readonly string[]
  readonly types: readonly string[]
  /** Entries that cannot be used there. */
  readonly without?: RegExp
}

const PLATFORMS: Readonly<Record<string, Platform>> = {
  "Node without DOM": { lib: ["ES2022"], types: ["node"] },
  "Node and DOM": { lib: ["ES2022", "DOM", "DOM.Iterable"], types: ["node"] },
  "DOM without Node": {
    lib: ["ES2022", "DOM", "DOM.Iterable", "ESNext.Disposable"],
    types: [],
    without: /^onward\/(?:node|express|fastify|koa|nest|sqlite|testing)$/,
  },
}

const RESOLUTIONS: Readonly<Record<string, object>> = {
  node16: { module: "node16", moduleResolution: "node16" },
  nodenext: { module: "nodenext", moduleResolution: "nodenext" },
  bundler: { module: "esnext", moduleResolution: "bundler" },
}

/** `onward/fastify` extends Fastify's own types: its users have Fastify, and a test of the house compiles it there. */
const NEEDS_FRAMEWORK = "onward/fastify"

function entries(): string[] {
  const manifest = JSON.parse(readFileSync(join(projectFolder, "node_modules/onward/package.json"), "utf8")) as {
    readonly exports: object
  }
  const paths = Object.keys(manifest.exports).filter((path) => path !== "./package.json")
  return paths.map((path) => join("onward", path)).filter((entry) => entry !== NEEDS_FRAMEWORK)
}

/** Compiles `programs/<platform>.ts` and an import of each entry with one compiler, in every setting. */
async function compile(line: string): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  for (const [platform, { lib, types, without }] of Object.entries(PLATFORMS)) {
    for (const [resolution, modules] of Object.entries(RESOLUTIONS)) {
      for (const skipLibCheck of [true, false]) {
        const name = `TypeScript ${line}, ${platform}, ${resolution}, skipLibCheck ${skipLibCheck}`
        const folder = join(projectFolder, "types", name.replaceAll(/\W+/g, "-"))
        mkdirSync(folder, { recursive: true })
        const names = entries().filter((entry) => !without?.test(entry))
        const all = names.map((entry, i) => `import * as entry${i} from "${entry}"\nvoid entry${i}\n`).join("")
        const programs = ["client.ts", ...(types.length > 0 ? ["server.ts"] : [])]
        writeFileSync(join(folder, "entries.ts"), all)
        for (const program of programs) {
          writeFileSync(join(folder, program), readFileSync(join("scripts/pack-matrix/programs", program)))
        }
        const compilerOptions = {
          strict: true,
          exactOptionalPropertyTypes: true,
          noEmit: true,
          target: "es2022",
          lib,
          types,
          skipLibCheck,
          ...modules,
        }
        writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.ts"] }))
        const tsc = join(toolsFolder, "node_modules", `typescript-${line}`, "bin/tsc")
        outcomes.push(await execute({ name, program: process.execPath, args: [tsc, "--project", folder] }))
      }
    }
  }
  return outcomes
}

/** Compiles the programs with TypeScripts of these lines. */
export async function checkTypes(lines: readonly string[] = Object.keys(TYPESCRIPTS)): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  for (const line of lines) outcomes.push(...(await compile(line)))
  return outcomes
}
