// Follow a log file like `tail -f`. Ids are byte offsets in the file: a client that reconnects resumes at the same byte.
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
        const buffer = Buffer.alloc(65_536) // the longest line that can be sent
        try {
          // the id comes from the client and can be any text
          for (let offset = /^\d{1,15}$/.test(lastEventId ?? "") ? Number(lastEventId) : 0; ;) {
            if ((await file.stat()).size < offset) offset = 0 // the file was recreated
            const { bytesRead } = await file.read(buffer, 0, buffer.length, offset)
            const read = buffer.subarray(0, bytesRead)
            let start = 0
            for (let end; (end = read.indexOf(NEWLINE, start)) >= 0; start = end + 1)
              yield { id: String(offset + end + 1), data: read.toString("utf8", start, end) }
            offset += start
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

// on a deploy the streams end, and clients reconnect
process.once("SIGTERM", () => {
  server.close()
  closing.abort()
})
