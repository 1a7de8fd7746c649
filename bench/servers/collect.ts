import { createInterface } from "node:readline"

// Loaded into every server under test: it collects garbage when told to on stdin, and ends when stdin does, so that none outlives the bench.

export const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`)

/** Bun has no `gc` that a flag exposes. */
const { Bun } = globalThis as { readonly Bun?: { gc(isSynchronous: boolean): void } }
const collect = Bun ? () => Bun.gc(true) : globalThis.gc

createInterface({ input: process.stdin })
  .on("line", (line) => {
    if (line !== "gc") return
    collect?.()
    // a second turn, so that what the first collection finalised is gone too
    setTimeout(() => {
      collect?.()
      say({ collected: process.memoryUsage() })
    }, 300)
  })
  .on("close", () => process.exit())
