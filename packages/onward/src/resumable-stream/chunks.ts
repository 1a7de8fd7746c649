import type { Format } from "../runs/index.ts"

/** Text to the letter: what `skipCharacters` counts must not change on the way, as line ends do in an event stream. */
export const chunks: Format<string> = {
  name: "chunks",
  endsWithSource: true,
  encode(frame) {
    if (typeof frame !== "string") {
      throw new TypeError("`makeStream` must give a stream of strings: pipe bytes through a TextDecoderStream")
    }
    return { data: JSON.stringify(frame) }
  },
  decode: ({ data }) => JSON.parse(data) as string,
  merge: (previous, next) => previous + next,
  reader: () => ({
    take: (delta) => (delta === "" ? [] : [{ type: "text", delta }]),
    isComplete: false,
    // a stream of strings has a way to end, and to fail, that is no string
    end: () => [],
  }),
  writer: () => (part) => (part.type === "text" ? [part.delta] : []),
}
