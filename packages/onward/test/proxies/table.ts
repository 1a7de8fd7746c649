import { readFileSync, writeFileSync } from "node:fs"
import { checks } from "./checks.ts"
import type { Findings } from "./examine.ts"
import type { Setup } from "./setup.ts"

const PAGE = new URL("../../../../docs/production.md", import.meta.url)
const BEGIN = "<!-- npm run proxies: begin -->"
const END = "<!-- npm run proxies: end -->"

/** A proxy's column. */
export interface Column {
  readonly setup: Setup
  readonly version: string
  readonly findings: Findings
}

/** A row a check, a column a proxy; below, what to configure each with. */
export function render(columns: readonly Column[]): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`
  const heads = columns.map(({ setup, version }) => headOf(setup, version))
  const rows = checks.map(({ title }) => row([title, ...columns.map(({ findings }) => findings.get(title) ?? "")]))
  // of two setups of one program, the later is the one to use
  const best = new Map(columns.map(({ setup }) => [setup.program, { setup }]))
  const blocks = [...best.values()].map(({ setup }) => `${setup.name}:\n\n\`\`\`\n${setup.lines(3000, 80)}\n\`\`\``)
  return [
    row(["", ...heads]),
    row(["", ...heads].map(() => "---")),
    ...rows,
    "",
    ...blocks.flatMap((block) => [block, ""]),
  ]
    .join("\n")
    .trimEnd()
}

const headOf = ({ name }: Setup, version: string): string => name.replace(/^.*?(?= with |$)/, `$& ${version}`)

/** Puts text between the page's marks. */
export function writeSection(text: string): void {
  const [before, , after] = split()
  writeFileSync(PAGE, `${before}${BEGIN}\n\n${text}\n\n${END}${after}`)
}

/** What the page says of a proxy. */
export function readColumn({ name }: Setup): Findings {
  const lines = split()[1]
    .split("\n")
    .filter((line) => line.startsWith("|"))
  const cells = lines.map((line) => line.split("|").map((cell) => cell.trim()))
  const column = (cells[0] ?? []).findIndex((head) => head.replace(/ [\d.]+/, "") === name)
  return new Map(cells.slice(2).map((row) => [row[1] ?? "", row[column] ?? ""]))
}

function split(): [before: string, section: string, after: string] {
  const page = readFileSync(PAGE, "utf8")
  const begin = page.indexOf(BEGIN)
  const end = page.indexOf(END)
  if (begin < 0 || end < begin) throw new Error("docs/production.md has lost the marks of its table of proxies")
  return [page.slice(0, begin), page.slice(begin + BEGIN.length, end), page.slice(end + END.length)]
}
