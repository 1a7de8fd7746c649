// A log file, followed as `tail -f` does. Ids are places in the file: a client that was cut carries on at the byte.
// Try: FILE=/var/log/syslog node 13-log-tail.ts, and curl -N localhost:3000
import { open } from "node:fs/promises"
import http from "node:http"
import { setTimeout as sleep } from "node:timers/promises"
import { sse } from "onward/node"

const NEWLINE = 10
const path = process.env.FILE ?? "app.log"

const closing = new AbortController()

const server = http
  .createServer((req, res) =>
    sse(
      req,
      res,
      async function* ({ lastEventId, signal }) {
        const file = await open(path)
        const buffer = Buffer.alloc(65_536) // for a longer line it would wait in vain
        try {
          // an id may be anything that a client made up
          for (let place = /^\d{1,15}$/.test(lastEventId ?? "") ? Number(lastEventId) : 0; ;) {
            if ((await file.stat()).size < place) place = 0 // the file began anew
            const { bytesRead } = await file.read(buffer, 0, buffer.length, place)
            const read = buffer.subarray(0, bytesRead)
            let start = 0
            for (let end; (end = read.indexOf(NEWLINE, start)) >= 0; start = end + 1)
              yield { id: String(place + end + 1), data: read.toString("utf8", start, end) }
            place += start
            if (start === 0) await sleep(100, undefined, { signal })
          }
        } finally {
          await file.close()
        }
      },
      { signal: closing.signal },
    ),
  )
  .listen(Number(process.env.PORT ?? 3000))

// on a deploy its streams end, and clients reconnect
process.once("SIGTERM", () => {
  server.close()
  closing.abort()
})
