// Notifications per user. An EventSource cannot set headers, so browsers send a cookie; other clients send a bearer token. A last event id
// grants nothing: each request is authenticated and authorized. Try: curl -N -H "Cookie: session=cookie-of-ada" localhost:3000
import http from "node:http"
import { createHub, OnwardError } from "onward"
import { sse } from "onward/node"

/** Yours come from a database. */
class User {
  streams = new AbortController()
  readonly topics: Set<string>

  constructor(...topics: readonly string[]) {
    this.topics = new Set(topics)
  }
}
const ada = new User("user/ada", "team/red")
const bob = new User("user/bob", "team/red")
const sessions = new Map([["cookie-of-ada", ada]])
const tokens = new Map(Object.entries({ "token-of-ada": ada, "token-of-bob": bob }))

const hub = createHub()

function userOf({ headers }: http.IncomingMessage): User | undefined {
  const token = /^Bearer (.+)$/.exec(headers.authorization ?? "")?.[1]
  if (token !== undefined) return tokens.get(token)
  return sessions.get(/(?:^|; )session=([^;]+)/.exec(headers.cookie ?? "")?.[1] ?? "")
}

const server = http
  .createServer(async (req, res) => {
    const user = userOf(req)
    const topic = (req.url ?? "/").slice(1)
    if (user === undefined) {
      res.writeHead(401).end()
    } else if (req.method === "POST") {
      try {
        res.end(await hub.publish({ topic, data: "hello" }))
      } catch (error) {
        // 400 for an invalid topic, 503 while the store is unavailable
        res.writeHead(error instanceof OnwardError ? error.status : 500).end()
      }
    } else if (req.method === "DELETE") {
      user.topics.delete(topic)
      // its clients reconnect and receive only what they may read now
      user.streams.abort()
      user.streams = new AbortController()
      res.end()
    } else {
      sse(req, res, hub.subscribe({ topics: [...user.topics], signal: user.streams.signal }))
    }
  })
  .listen(Number(process.env.PORT ?? 3000))

// on a deploy each client is told to reconnect, at a different time
process.once("SIGTERM", async () => {
  server.close()
  await hub.drain({ duration: 1_000 })
})
