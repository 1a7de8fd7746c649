import type { Ending, Format } from "../../src/runs/format.ts"

/** A format as small as can be, so that these tests stand on no other's: text, and a last line that says how it ended. */
export const lines: Format<string> = {
  name: "lines",
  endsWithSource: true,
  encode: (frame) => ({ data: JSON.stringify(frame) }),
  decode: ({ data }) => JSON.parse(data) as string,
  merge: (previous, next) => (next.startsWith("[") || previous.startsWith("[") ? undefined : previous + next),
  reader: () => ({
    take: (frame) => [{ type: "text", delta: frame }],
    isComplete: false,
    end: ({ status, error }: Ending) => [`[${status}${error ? ` ${error.code}` : ""}]`],
  }),
  writer: () => (part) => {
    if (part.type === "text") return [part.delta.toUpperCase()]
    return part.type === "end" ? [`[${part.ending.status.toUpperCase()}]`] : []
  },
}
