import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { surfaceOf, type Entry } from "./surface.ts"

/** The report of one entry: `onward/runs/client` is in `runs-client.md`, `onward` itself in `onward.md`. */
const fileOf = ({ name }: Entry): string => `${name.replace(/^onward\//, "").replaceAll("/", "-")}.md`

function reportOf({ name, exports }: Entry): string {
  const block = (title: string, isType: boolean): string => {
    const signatures = exports.filter((each) => each.isType === isType).map((each) => each.signature)
    return signatures.length === 0 ? "" : `\n## ${title}\n\n\`\`\`ts\n${signatures.join("\n\n")}\n\`\`\`\n`
  }
  return `# ${name}\n\n\`npm run api\` writes this file.\n${block("Values", false)}${block("Types", true)}`
}

/** The API report: a file for each entry. */
export function reportsOf(packageFolder: string): Map<string, string> {
  return new Map(surfaceOf(packageFolder).map((entry) => [fileOf(entry), reportOf(entry)]))
}

/** The report that is committed. */
export function committedReports(packageFolder: string): Map<string, string> {
  const folder = join(packageFolder, "api")
  return new Map(globSync("*.md", { cwd: folder }).map((file) => [file, readFileSync(join(folder, file), "utf8")]))
}

export function writeReports(packageFolder: string): void {
  const folder = join(packageFolder, "api")
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const [file, text] of reportsOf(packageFolder)) writeFileSync(join(folder, file), text)
}
