import type { Client } from "./clients.ts"
import type { Probe } from "./probes.ts"

/** Cells by probe, then by client. */
export type Cells = ReadonlyMap<string, ReadonlyMap<string, string>>

export const MARK = "<!-- comparison -->"
/** Rows that are no probes. */
export const VECTORS = "vectors of the standard"
export const SIZE = "minified and gzipped, kB"

const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`

export function tableOf(probes: readonly Pick<Probe, "name">[], clients: readonly Client[], cells: Cells): string {
  const rows = [VECTORS, ...probes.map(({ name }) => name), SIZE]
  return [
    line(["", ...clients.map(({ name }) => name)]),
    line(["---", ...clients.map(() => "---")]),
    ...rows.map((row) => line([row, ...clients.map(({ name }) => cells.get(row)?.get(name) ?? "not run")])),
  ].join("\n")
}

/** Puts a text between the marks of a document. */
export function insert(document: string, text: string): string {
  const [before, , after, ...more] = document.split(MARK)
  if (after === undefined || more.length > 0) throw new Error(`a document with two lines ${MARK} is needed`)
  return `${before}${MARK}\n\n${text}\n\n${MARK}${after}`
}

/** The first column of the table in a document, and its first row. */
export function headingsOf(document: string): { readonly rows: string[]; readonly columns: string[] } {
  const table = (document.split(MARK)[1] ?? "").split("\n").filter((text) => text.startsWith("|"))
  const cells = table.map((row) => row.split("|").map((cell) => cell.trim()))
  return { columns: cells[0]?.slice(2, -1) ?? [], rows: cells.slice(2).map((row) => row[1] ?? "") }
}
