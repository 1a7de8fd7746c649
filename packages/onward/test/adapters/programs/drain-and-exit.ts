// A server with 100 open streams that drains, closes, and must then end by itself: nothing may keep the process alive.
import http from "node:http"
import type { AddressInfo } from "node:net"
import { createHub } from "onward"
import { sse } from "onward/node"

const STREAMS = 100

const hub = createHub()
const server = http.createServer((req, res) => {
  if (req.url === "/wrapped") {
    // a middleware, such as compression, that has put itself before the response
    const write = res.write.bind(res)
    res.write = ((...args: Parameters<typeof write>) => write(...args)) as typeof res.write
    sse(req, res, hub.subscribe({ topics: ["a"] }))
  } else if (req.url === "/hub") sse(req, res, hub.subscribe({ topics: ["a"] }))
  else {
    sse(req, res, async function* ({ signal }) {
      yield "one"
      await new Promise((resolve) => signal.addEventListener("abort", resolve))
    })
  }
})
// as raised for load balancers: a connection that is merely kept alive would hold up the end
server.keepAliveTimeout = 60_000
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
const { port } = server.address() as AddressInfo
const agent = new http.Agent({ keepAlive: true })
const endings = Array.from(
  { length: STREAMS },
  (_, i) =>
    new Promise<string>((resolve) => {
      http.get({ port, path: i % 10 ? "/hub" : "/wrapped", agent }, (res) => {
        let text = ""
        res.on("data", (chunk: Buffer) => (text += chunk.toString()))
        res.on("end", () => resolve(text))
      })
    }),
)
const own = await new Promise<http.IncomingMessage>((resolve) => http.get({ port, path: "/own", agent }, resolve))
own.resume()
while (hub.stats().live < STREAMS) await new Promise((resolve) => setTimeout(resolve, 5))

const closed = new Promise<void>((resolve) => server.close(() => resolve()))
await hub.drain({ duration: 200 })
own.destroy()
const texts = await Promise.all(endings)
await closed
await hub.close()
const retries = texts.map((text) => /retry: (\d+)\nid: \S+\ndata: \{\}\n\n$/.exec(text)?.[1])
console.log(
  `${retries.filter(Boolean).length} told to come back, at ${new Set(retries).size > 20 ? "many" : "few"} times`,
)
process.on("exit", () => console.log("ended by itself"))
