import type { Server } from "node:http"
import type { AddressInfo } from "node:net"
import { createInterface } from "node:readline"

/**
 * What every server under test shares: it listens on a free port of the loopback interface, says which, collects garbage when
 * told to on stdin, and ends when stdin does, so that none outlives the bench.
 */
export function serve(server: Server): void {
  const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`)
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
  server.keepAliveTimeout = 0 // publishers may pause for longer than the default 5 s
  server.listen(0, "127.0.0.1", 16_384, () => say({ port: (server.address() as AddressInfo).port }))
}
