import { openOutput, type Output, type Terminal } from "../commands/terminal.ts"
import { printable, printableJson } from "../printable.ts"
import { checkCors } from "./cors.ts"
import { examine } from "./examine.ts"
import type { Find, Finding } from "./finding.ts"
import { openMany } from "./many.ts"
import { roundTrip } from "./round-trip.ts"

/** The options of `onward doctor`. */
export interface DoctorOptions {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** How long to listen, in ms. @default until a heartbeat is due */
  readonly listen?: number
  /** Publishes a message, and waits for it. */
  readonly publish?: true
  /** The origin of a page that must be allowed to read. */
  readonly origin?: string
  /** How many streams must be open at once. */
  readonly many?: number
  readonly json?: true
}

const MARKS: Readonly<Record<Finding["kind"], string>> = { ok: "ok  ", note: "note", bad: "BAD " }

/** Runs `onward doctor`, which reports what blocks a stream. Resolves with 0 if nothing does, otherwise with 1. */
export async function doctor(options: DoctorOptions, terminal: Terminal): Promise<number> {
  const { url, headers, listen, publish, origin, many, json } = options
  const output = openOutput(terminal)
  let isWell = true
  const writing: Promise<void>[] = []
  const find: Find = (kind, text, todo) => {
    if (kind === "bad") isWell = false
    // the text can contain text of the server; what is escaped already stays as it is
    const finding = { kind, text: printable(text), ...(todo !== undefined && { todo: printable(todo) }) }
    writing.push(output.write(json ? `${printableJson(finding)}\n` : lineOf(finding)))
  }
  const canStream = await examine(url, {
    headers,
    ...(listen !== undefined && { listen }),
    onFinding: ({ kind, text, todo }) => find(kind, text, todo),
  })
  if (!canStream) isWell = false
  if (origin !== undefined) await checkCors(url, { headers, origin, find })
  if (canStream && many !== undefined) await openMany(url, { headers, many, find })
  if (canStream && publish) await roundTrip(url, { headers, find })
  await Promise.all(writing)
  await summarize(output, isWell, json)
  return isWell ? 0 : 1
}

const lineOf = ({ kind, text, todo }: Finding): string =>
  `${MARKS[kind]}  ${text}${todo === undefined ? "" : `\n      → ${todo}`}\n`

const summarize = ({ write }: Output, isWell: boolean, json?: true): Promise<void> =>
  write(
    json
      ? `${JSON.stringify({ isWell })}\n`
      : isWell
        ? "No problem found.\n"
        : "This stream has problems. See the lines with BAD above.\n",
  )
