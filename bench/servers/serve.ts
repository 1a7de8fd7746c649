import type { Server } from "node:http"
import type { AddressInfo } from "node:net"
import { say } from "./collect.ts"

/**
 * What every server under test shares: it listens on a free port of the loopback interface, says which, collects garbage when
 * told to on stdin, and ends when stdin does, so that none outlives the bench.
 */
export function serve(server: Server): void {
  server.keepAliveTimeout = 0 // publishers may pause for longer than the default 5 s
  server.listen(0, "127.0.0.1", 16_384, () => say({ port: (server.address() as AddressInfo).port }))
}
