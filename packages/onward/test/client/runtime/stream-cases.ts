import { codeOf, same, take, type Case } from "./case.ts"

/** Cut clients come back at once. */
const retry = { base: 1, max: 5 }
const THREE = "id: 1\ndata: one\n\nid: 2\ndata: zwölf\n\nid: 3\ndata: 三\n\n"
/** An answer is cut after each such number of bytes, from the first of the head on. */
const STEP = 7
const HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 49\r\n\r\n"

/** `stream`, in every runtime. */
export const streamCases: readonly Case[] = [
  {
    name: "a stream starts after the given id and ends with `stream.end`",
    async answer(exchange) {
      await exchange.open()
      await exchange.write("id: 2\nevent: tick\ndata: [1]\n\nevent: stream.end\ndata\n\n")
      await exchange.end()
    },
    async run({ client, url, requests }) {
      const events = client.stream(url, { lastEventId: "1/ü" })
      const seen: unknown[] = []
      for await (const { event, id, json } of events) seen.push([event, id, typeof json])
      same(seen, [["tick", "2", "function"]])
      same([events.status.state, events.lastEventId], ["ended", "2"])
      const [request] = await requests()
      same([request?.headers["last-event-id"], request?.headers["accept"]], ["1/ü", "text/event-stream"])
    },
  },
  {
    name: "cut at any byte of a response, by a close or a reset, each event arrives once",
    async answer(exchange, n) {
      const bytes = new TextEncoder().encode(HEAD + THREE)
      const id = Number(exchange.request.headers["last-event-id"] ?? 0)
      // every other request is answered whole, from where the client is, and ends the stream
      if (n % 2 === 1) {
        await exchange.open()
        await exchange.write(`${THREE.split("\n\n").slice(id).join("\n\n")}event: stream.end\ndata\n\n`)
        return exchange.end()
      }
      await exchange.raw(bytes.subarray(0, (n / 2) * STEP))
      if (n % 4 === 0) exchange.reset()
      else exchange.cut()
    },
    async run({ client, url }) {
      for (let at = 0; at < HEAD.length + 49; at += STEP) {
        same(await take(client.stream(url, { retry })), ["one", "zwölf", "三"], `cut at ${at}`)
      }
    },
  },
  {
    name: "an object as body is posted as JSON",
    async answer(exchange) {
      await exchange.open()
      await exchange.write("data: a\n\n")
      await exchange.end()
    },
    async run({ client, url, requests }) {
      same(
        await take(
          client.stream(url, { body: { prompt: "größer" }, headers: { "x-own": "1" }, reconnectOnEnd: false }),
        ),
        ["a"],
      )
      const [request] = await requests()
      same(
        [request?.method, request?.body, request?.headers["content-type"]?.split(";")[0], request?.headers["x-own"]],
        ["POST", '{"prompt":"größer"}', "application/json", "1"],
      )
    },
  },
  {
    name: "events of a compressed body arrive when they were written",
    async answer(exchange, _, told) {
      await exchange.head(200, { "content-type": "text/event-stream" }, { gzip: true })
      for (const word of ["one", "two"]) {
        await exchange.write(`data: ${word}\n\n`)
        await told(word)
      }
      await exchange.end()
    },
    async run({ client, url, tell }) {
      const events = client.stream(url, { reconnectOnEnd: false })
      const seen: string[] = []
      for await (const { data } of events) {
        seen.push(data)
        await tell(data)
      }
      same(seen, ["one", "two"])
    },
  },
  {
    name: "redirects are followed like in Fetch: 307 and 308 keep method and body, 301, 302 and 303 do not",
    async answer(exchange, n) {
      const status = [301, 302, 303, 307, 308][n / 2]
      if (status !== undefined) {
        await exchange.head(status, { location: "moved?to=%C3%BC", "content-length": "0" })
        return exchange.end()
      }
      await exchange.open()
      await exchange.write("data: a\n\n")
      await exchange.end()
    },
    async run({ client, url, requests }) {
      for (const _ of [301, 302, 303, 307, 308]) {
        same(await take(client.stream(url, { method: "POST", body: "b", reconnectOnEnd: false })), ["a"])
      }
      const then = (await requests()).filter((__, i) => i % 2 === 1).map(({ method, body }) => method + body)
      same(then, ["GET", "GET", "GET", "POSTb", "POSTb"])
    },
  },
  {
    name: "no secret is sent over a redirect to another origin",
    async answer(exchange, n) {
      if (n === 0) {
        const { path } = exchange.request
        await exchange.head(307, { location: new URL(path, exchange.otherUrl).href, "content-length": "0" })
        return exchange.end()
      }
      await exchange.open()
      await exchange.write("data: a\n\n")
      await exchange.end()
    },
    async run({ client, url, requests }) {
      const events = client.stream(url, {
        headers: { authorization: "Bearer s" },
        lastEventId: "4",
        reconnectOnEnd: false,
      })
      same(await take(events), ["a"])
      const seen = (await requests()).map(({ headers, isElsewhere }) => [
        isElsewhere,
        headers["authorization"] ?? "none",
        headers["last-event-id"],
      ])
      same(seen, [
        [false, "Bearer s", "4"],
        [true, "none", "4"],
      ])
    },
  },
  {
    name: "a redirect is refused if the platform would forward custom headers",
    async answer(exchange, n) {
      if (n === 0) {
        const { path } = exchange.request
        await exchange.head(307, { location: new URL(path, exchange.otherUrl).href, "content-length": "0" })
        return exchange.end()
      }
      await exchange.open()
      await exchange.write("data: a\n\n")
      await exchange.end()
    },
    async run({ client, url, requests, deviates }) {
      const events = client.stream(url, { headers: { "x-key": "s" }, reconnectOnEnd: false })
      if (deviates) same(await take(events), ["a"])
      else same(await codeOf(events), "redirect_refused")
      for (const { headers, isElsewhere } of await requests()) same("x-key" in headers, !isElsewhere, "the header")
    },
  },
  {
    name: "temporary error statuses are retried, and others end the stream with their number",
    async answer(exchange, n) {
      const status = [408, 425, 429, 500, 503, 204, 401, 404][n] ?? 200
      await exchange.head(status, { ...(status < 600 && n < 5 && { "retry-after": "0" }) })
      await exchange.end()
    },
    async run({ client, url, requests }) {
      same(await take(client.stream(url, { retry })), [])
      same((await requests()).length, 6, "count of requests")
      for (const status of [401, 404]) {
        const events = client.stream(url, { retry })
        same(await codeOf(events), "bad_status")
        same(events.status.state === "failed" && (events.status.error as { status: number }).status, status)
      }
      same(await codeOf(client.stream(url)), "bad_content_type")
    },
  },
  {
    name: "an id with any characters is sent back byte by byte",
    async answer(exchange, n) {
      const id = ["größer", "…😀", "%C3%BC +", "na\u00efve \u00ff"][n]
      await exchange.open()
      await exchange.write(id === undefined ? "event: stream.end\ndata\n\n" : `id: ${id}\ndata: ${n}\n\n`)
      await exchange.end()
    },
    async run({ client, url, requests }) {
      same(await take(client.stream(url, { retry })), ["0", "1", "2", "3"])
      const ids = (await requests()).slice(1).map(({ headers }) => headers["last-event-id"])
      same(ids, ["größer", "…😀", "%C3%BC +", "na\u00efve \u00ff"])
    },
  },
  {
    name: "a signal ends a stream while it connects and while it reads, and the server detects it",
    async answer(exchange, n) {
      if (n === 0) return
      await exchange.open()
      await exchange.write("data: a\n\n")
    },
    async run({ client, url, requests, eventually }) {
      for (const n of [0, 1]) {
        const controller = new AbortController()
        const events = client.stream(url, { signal: controller.signal })
        const first = events.next()
        if (n === 1) same((await first).value?.data, "a")
        const pending = n === 0 ? first : events.next()
        await eventually("the request", async () => (await requests()).length === n + 1)
        controller.abort(new Error("enough"))
        same(await pending.then(String, String), "Error: enough")
        await eventually("the server to hear of it", async () => (await requests())[n]?.isClosed === true)
      }
    },
  },
  {
    name: "while the program does not read, the server is paused, and nothing is lost",
    async answer(exchange, _, told) {
      await exchange.open()
      const pad = "x".repeat(1_000)
      let sent = 0
      const enough = new AbortController()
      void told("enough").then(() => enough.abort())
      // more than all buffers on the way together
      for (; sent < 60_000 && !enough.signal.aborted; sent++) await exchange.write(`data: ${sent} ${pad}\n\n`)
      await exchange.write(`event: sent\ndata: ${enough.signal.aborted ? sent : "all of it"}\n\n`)
      await exchange.end()
    },
    async run({ client, url, tell }) {
      const events = client.stream(url, { reconnectOnEnd: false })
      await events.next()
      await new Promise((resolve) => setTimeout(resolve, 1_000))
      await tell("enough")
      let count = 1
      for await (const { event, data } of events) {
        if (event === "sent") same(data, String(count), "number of events sent and received")
        else same(Number.parseInt(data, 10), count++, "number of an event")
      }
    },
  },
  {
    name: "a server that cuts within the head, sends nothing at all, or becomes silent, is requested again",
    async answer(exchange, n) {
      if (n === 0) {
        // without a byte of it, platforms ask again by themselves: the connection may have been an old one
        await exchange.raw("HTTP/1.1 2")
        return exchange.cut()
      }
      if (n === 1) return // no head
      await exchange.open()
      await exchange.write(n === 2 ? "id: 1\ndata: a\n\n" : "data: b\n\nevent: stream.end\ndata\n\n")
    },
    async run({ client, url }) {
      const codes: string[] = []
      const events = client.stream(url, {
        retry,
        connectTimeout: 100,
        idleTimeout: 100,
        reconnectingAfter: 0,
        onStatus: (status) => status.state === "reconnecting" && codes.push(status.error.code),
      })
      same(await take(events), ["a", "b"])
      // on a slow machine there may be more
      same(codes.slice(0, 3), ["network_error", "connect_timeout", "idle_timeout"])
    },
  },
]
