import type { Format } from "../runs/index.ts"

/** Text without changes: `skipCharacters` counts its characters, and an event stream would change line ends. */
export const chunks: Format<string> = {
  name: "chunks",
  endsWithSource: true,
  encode(frame) {
    if (typeof frame !== "string") {
      throw new TypeError("`makeStream` must return a stream of strings. Pipe bytes through a TextDecoderStream.")
    }
    return { data: JSON.stringify(frame) }
  },
  decode: ({ data }) => JSON.parse(data) as string,
  merge: (previous, next) => previous + next,
  reader: () => ({
    take: (delta) => (delta === "" ? [] : [{ type: "text", delta }]),
    isComplete: false,
    // a stream of strings ends or fails without a further string
    end: () => [],
  }),
  writer: () => (part) => (part.type === "text" ? [part.delta] : []),
}
