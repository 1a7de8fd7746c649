import http from "node:http"
import http2 from "node:http2"
import https from "node:https"
import { text } from "node:stream/consumers"
import { sse } from "onward/node"
import { selfSigned } from "./certificate.ts"
import { http1, http1Secure, http2Clear, http2Secure } from "./clients.ts"
import { run, type Client, type Handler, type Rig } from "./rig.ts"

const certificate = selfSigned()

type Listener = (req: http.IncomingMessage, res: http.ServerResponse) => void

const listener =
  (handle: Handler): Listener =>
  (req, res) => {
    void handle({ sse: (source, options) => sse(req, res, source, options), body: () => text(req) })
  }

const wrapped =
  (handle: Handler): Listener =>
  (req, res) => {
    const write = res.write.bind(res)
    res.write = ((...args: Parameters<typeof write>) => write(...args)) as typeof res.write
    listener(handle)(req, res)
  }

// one listener for both kinds of request: the adapter tells them apart
type AnyListener = (req: http2.Http2ServerRequest, res: http2.Http2ServerResponse) => void
const either = (handle: Handler): AnyListener => listener(handle) as unknown as AnyListener

const rig = (name: string, client: Client, serve: (handle: Handler) => Parameters<typeof run>[0]): Rig => ({
  name,
  entry: "onward/node",
  client,
  isNode: true,
  open: (handle) => run(serve(handle), client),
})

/** Every server that `onward/node` is for. */
export const nodeRigs: readonly Rig[] = [
  rig("node:http", http1, (handle) => http.createServer(listener(handle))),
  rig("node:http with a wrapped write", http1, (handle) => http.createServer(wrapped(handle))),
  rig("node:https", http1Secure, (handle) => https.createServer(certificate, listener(handle))),
  rig("node:http2 in cleartext", http2Clear, (handle) => http2.createServer(either(handle))),
  rig("node:http2 secure", http2Secure, (handle) => http2.createSecureServer(certificate, either(handle))),
  rig("node:http2 secure, spoken to in HTTP/1.1", http1Secure, (handle) =>
    http2.createSecureServer({ ...certificate, allowHTTP1: true }, either(handle)),
  ),
]
