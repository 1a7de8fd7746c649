// Your own source: `sse` handles backpressure, heartbeats, clean-up and errors. `signal` aborts when the client disconnects.
// Try: curl -N http://localhost:3000, and again with -H "Last-Event-ID: 5"
import http from "node:http"
import { setTimeout as sleep } from "node:timers/promises"
import { sse } from "onward/node"

const words = "Every word of this answer arrives as soon as it is there.".split(" ")

const closing = new AbortController()

const server = http
  .createServer((req, res) =>
    sse(
      req,
      res,
      async function* ({ lastEventId, signal }) {
        // the id comes from the client and can be any text
        for (let i = Number(/^\d+$/.exec(lastEventId ?? "")?.[0] ?? 0); i < words.length; i++) {
          await sleep(50, undefined, { signal })
          yield { id: String(i + 1), data: words[i] }
        }
      },
      { signal: closing.signal },
    ),
  )
  .listen(Number(process.env.PORT ?? 3000))

// on a deploy the streams end, and clients reconnect
process.once("SIGTERM", () => {
  server.close()
  closing.abort()
})
