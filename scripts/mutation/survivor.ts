import { existsSync, readFileSync } from "node:fs"
import type { Mutant } from "./mutants.ts"

/** A change that no test noticed, told so that it is found again when lines move. */
export interface Survivor {
  readonly file: string
  /** The line it changes, trimmed. */
  readonly line: string
  readonly from: string
  readonly to: string
}

/** A survivor that changes nothing a user could notice, or that no test should look for; `reason` says why. */
export interface Excused extends Survivor {
  readonly reason: string
}

export function survivorOf(file: string, code: string, { start, end, text }: Mutant): Survivor {
  const lineStart = code.lastIndexOf("\n", start) + 1
  const lineEnd = code.indexOf("\n", start)
  return {
    file,
    line: code.slice(lineStart, lineEnd < 0 ? undefined : lineEnd).trim(),
    from: code.slice(start, end),
    to: text,
  }
}

const EXCUSED = "scripts/mutation/excused.json"
const keyOf = ({ file, line, from, to }: Survivor): string => JSON.stringify([file, line, from, to])

/** The excuse for a survivor, if there is one. */
export function excuses(): (survivor: Survivor) => string | undefined {
  const list = existsSync(EXCUSED) ? (JSON.parse(readFileSync(EXCUSED, "utf8")) as Excused[]) : []
  const reasons = new Map(list.map((excused) => [keyOf(excused), excused.reason]))
  return (survivor) => reasons.get(keyOf(survivor))
}
