import { once } from "node:events"
import http, { type RequestListener } from "node:http"
import type { AddressInfo } from "node:net"
import type { TestContext } from "node:test"

/** A real server for one test; resolves to its origin. */
export async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = http.createServer(listener).listen(0, "127.0.0.1")
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  await once(server, "listening")
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
