import { examine } from "./examine.ts"
import type { Finding } from "./finding.ts"

/** The options of `onward doctor`. */
export interface DoctorOptions {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** How long to listen, in ms. @default until a heartbeat is due */
  readonly listen?: number
}

const MARKS: Readonly<Record<Finding["kind"], string>> = { ok: "ok  ", note: "note", bad: "BAD " }

/** Runs `onward doctor`, which reports what blocks a stream. Exits with 0 if nothing does, otherwise with 1. */
export async function doctor({ url, headers, listen }: DoctorOptions): Promise<void> {
  const isWell = await examine(url, {
    headers,
    ...(listen !== undefined && { listen }),
    onFinding({ kind, text, todo }) {
      console.log(`${MARKS[kind]}  ${text}${todo === undefined ? "" : `\n      → ${todo}`}`)
    },
  })
  console.log(isWell ? "No problem found." : "This stream has problems. See the lines with BAD above.")
  process.exit(isWell ? 0 : 1)
}
