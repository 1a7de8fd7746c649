// Notifications per user. An EventSource sends no headers, so browsers show a cookie; others show a bearer token. An id to resume at is no
// ticket: who asks, and for what they may, is found out at each request. Try: curl -N -H "Cookie: session=cookie-of-ada" localhost:3000
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
        // 400 for what is no topic, 503 while the store is away
        res.writeHead(error instanceof OnwardError ? error.status : 500).end()
      }
    } else if (req.method === "DELETE") {
      user.topics.delete(topic)
      // its clients come back, and get what they may by now
      user.streams.abort()
      user.streams = new AbortController()
      res.end()
    } else {
      sse(req, res, hub.subscribe({ topics: [...user.topics], signal: user.streams.signal }))
    }
  })
  .listen(Number(process.env.PORT ?? 3000))

// on a deploy clients are told to reconnect, each after another time
process.once("SIGTERM", async () => {
  server.close()
  await hub.drain({ over: 1_000 })
})
