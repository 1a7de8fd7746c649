import http, { type IncomingMessage, type ServerResponse } from "node:http"
import { sse as nodeSse } from "../../src/adapters/node.ts"
import { sse as webSse, type Source, type SseOptions } from "../../src/adapters/web.ts"
import type { Handler } from "../../src/testing/index.ts"

/** What a handler under test answers with, whatever its style. */
export type Make = () => Source

type Listener = (req: IncomingMessage, res: ServerResponse) => void

const listener =
  (make: Make, options?: SseOptions): Listener =>
  (req, res) =>
    nodeSse(req, res, make(), options)

/** As a compressing middleware does, at which the adapter writes through the response instead of below it. */
const wrapped =
  (make: Make, options?: SseOptions): Listener =>
  (req, res) => {
    const write = res.write.bind(res)
    res.write = ((...args: Parameters<typeof write>) => write(...args)) as typeof res.write
    listener(make, options)(req, res)
  }

/** Every kind of handler that `connect` takes. */
export const styles: Readonly<Record<string, (make: Make, options?: SseOptions) => Handler>> = {
  "a listener": listener,
  "a listener with a wrapped write": wrapped,
  "a server": (make, options) => http.createServer(listener(make, options)),
  "a fetch handler": (make, options) => ({ fetch: (request) => webSse(request, make(), options) }),
}
