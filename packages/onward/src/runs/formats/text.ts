import { OnwardError } from "../../errors.ts"
import type { Ending, Format } from "../format.ts"
import { isJson, textOf } from "./json.ts"

/** Text, or the end with its status. */
export type TextFrame = string | Ending

/**
 * Plain text: each frame is the data of an event. The end is an event `end` with the data `{"status": …}`; text without it is incomplete.
 * Line ends are sent as `\n`, because event streams have no other.
 */
export function text(): Format<TextFrame> {
  return {
    name: "text",
    endsWithSource: true,
    encode: (frame) =>
      typeof frame === "string"
        ? { data: frame.replaceAll(/\r\n?/g, "\n") }
        : { event: "end", data: JSON.stringify(frame) },
    decode({ event, data }) {
      if (event === undefined) return data === "" ? undefined : data
      return event === "end" ? endingOf(data) : undefined
    },
    merge: (previous, next) => (typeof previous === "string" && typeof next === "string" ? previous + next : undefined),
    reader() {
      let isComplete = false
      return {
        get isComplete() {
          return isComplete
        },
        take(frame) {
          if (typeof frame === "string") return frame === "" ? [] : [{ type: "text", delta: frame }]
          isComplete = true
          return [{ type: "end", ending: frame }]
        },
        end: (ending) => (isComplete ? [] : [ending]),
      }
    },
    writer: () => (part) => {
      if (part.type === "text") return [part.delta]
      return part.type === "end" ? [part.ending] : []
    },
  }
}

const STATUSES: readonly unknown[] = ["completed", "failed", "stopped", "lost"] satisfies Ending["status"][]

function endingOf(data: string): Ending {
  try {
    const { status, error } = JSON.parse(data) as { status?: unknown; error?: unknown }
    if (STATUSES.includes(status)) {
      const fault = isJson(error) && { code: textOf(error["code"]), message: textOf(error["message"]) }
      return { status: status as Ending["status"], ...(fault && { error: fault }) }
    }
  } catch {
    // handled below
  }
  throw new OnwardError(
    "source_failed",
    'The source sent an event `end` without a valid status. Send data like {"status":"completed"}.',
  )
}
