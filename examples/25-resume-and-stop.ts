// Resume and stop an AI answer over Server-Sent Events: reload the page, or open it twice, during an answer. Stop it in either tab.
import http from "node:http"
import { setTimeout as sleep } from "node:timers/promises"
import { sse } from "onward/node"
import { createRuns, text } from "onward/runs"

const runs = createRuns({ format: text() })

// replace it with your model, and pass the model the signal
async function* model(signal: AbortSignal): AsyncGenerator<string> {
  for (let token = 1; token <= 500; token++) {
    yield `${token} `
    await sleep(200, undefined, { signal })
  }
}

const page = `<!doctype html><pre></pre><button>Stop</button><script>
  const url = "/answers/" + (location.hash ||= "#" + crypto.randomUUID()).slice(1)
  const show = (text) => document.querySelector("pre").append(text)
  document.querySelector("button").onclick = () => fetch(url, { method: "DELETE" })
  fetch(url, { method: "PUT" }).then(() => {
    const answer = new EventSource(url)
    answer.onmessage = ({ data }) => show(data)
    answer.addEventListener("end", ({ data }) => show(" [" + JSON.parse(data).status + "]"))
  })
</script>`

const server = http.createServer(async (req, res) => {
  const [, id] = /^\/answers\/([\w-]{1,64})$/.exec(req.url ?? "") ?? []
  if (id === undefined) res.setHeader("content-type", "text/html").end(page)
  else if (req.method === "PUT") res.end((await runs.start(id, ({ signal }) => model(signal))).id) // starts it once
  else if (req.method === "DELETE") res.end(await runs.stop(id))
  else sse(req, res, runs.source(id))
})
server.listen(Number(process.env.PORT ?? 3000))
