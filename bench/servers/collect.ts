import { createInterface } from "node:readline"

// Loaded into every server under test: it collects garbage when told to on stdin, and ends when stdin does, so that none outlives the bench.

export const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`)

createInterface({ input: process.stdin })
  .on("line", (line) => {
    if (line !== "gc") return
    globalThis.gc?.()
    // a second turn, so that what the first collection finalised is gone too
    setTimeout(() => {
      globalThis.gc?.()
      say({ collected: process.memoryUsage() })
    }, 300)
  })
  .on("close", () => process.exit())
