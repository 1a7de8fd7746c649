// An AI response that survives: reload the page while it is written, open it in a second tab, stop it there, restart the server.
import http from "node:http"
import { setTimeout as sleep } from "node:timers/promises"
import { OnwardError } from "onward"
import { sse } from "onward/node"
import { createRuns, text } from "onward/runs"
import { sqliteLog } from "onward/sqlite"

const runs = createRuns({ log: sqliteLog(process.env.FILE ?? "runs.db"), format: text() })

// your model here: `({ signal }) => fetch(provider, { …, signal })`, with its format
async function* canned(): AsyncGenerator<string> {
  const words = "This text is canned. It comes as slowly as a model's, and goes on if you leave.".split(/(?<= )/)
  for (const word of words) {
    yield word
    await sleep(200)
  }
}

const page = `<!doctype html><pre></pre><button>Stop</button><script>
  const url = "/runs/" + (location.hash ||= "#" + crypto.randomUUID()).slice(1)
  document.querySelector("button").onclick = () => fetch(url, { method: "DELETE" })
  fetch(url, { method: "PUT" }).then(() => {
    const show = (text) => document.querySelector("pre").append(text)
    const events = new EventSource(url)
    events.onmessage = ({ data }) => show(data)
    events.addEventListener("end", ({ data }) => show(" [" + JSON.parse(data).status + "]"))
  })
</script>`

const server = http
  .createServer(async (req, res) => {
    const id = /^\/runs\/([\w-]+)$/.exec(req.url ?? "")?.[1]
    const owner = "me" // your session here: other owners cannot see the run
    try {
      if (id === undefined) res.setHeader("content-type", "text/html").end(page)
      else if (req.method === "PUT") res.end(String((await runs.start(id, canned, { owner })).isNew)) // starts once, however often it is called
      else if (req.method === "DELETE") res.end(await runs.stop(id, { owner }))
      else sse(req, res, runs.source(id, { owner }))
    } catch (error) {
      // 400 for an invalid id, 503 while the store is unavailable
      res.writeHead(error instanceof OnwardError ? error.status : 500).end()
    }
  })
  .listen(Number(process.env.PORT ?? 3000))

// on a deploy viewers reconnect to another process, and runs that this process produces end as failed
process.once("SIGTERM", async () => {
  server.close()
  await runs.close()
})
