import { createParser } from "../../../src/protocol/index.ts"
import type { Read } from "./answer.ts"

/** What a page does with an EventSource: adds up what comes, and looks at how it ended. */
export const readText: Read = (body) => {
  let text = ""
  let end: string | undefined
  const parser = createParser({
    onEvent({ event, data }) {
      if (event === "end") end = data
      else text += data
    },
  })
  parser.feed(body)
  const isComplete = end === '{"status":"completed"}'
  return Promise.resolve({
    text,
    tools: [],
    isComplete,
    ...(end !== undefined && !isComplete && { error: end }),
    final: { text, end },
  })
}
