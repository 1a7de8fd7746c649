import assert from "node:assert/strict"
import { once } from "node:events"
import http from "node:http"
import net, { type AddressInfo } from "node:net"
import { after, before, test } from "node:test"
import { createHub, type Hub } from "onward"
import { stream } from "onward/client"
import { sse, type SourceFunction } from "onward/node"
import { sse as webSse } from "onward/web"
import { idToHeader } from "../../src/event-id.ts"
import { createParser, type ParsedEvent } from "../../src/protocol/index.ts"
import { chance, seed } from "../protocol/seed.ts"

/** What ids are made of: what headers trim, forbid, or read in another way, what Onward gives a meaning, and plain text. */
const PIECES = [
  ...[
    "stream.end",
    "earliest",
    "stream.gap",
    "life0000~11",
    "CREATE",
    "a",
    "7",
    "%0d%0a",
    ": ",
    ",",
    ";",
    "+",
    "&",
    "=",
    '"',
  ],
  ...[
    "\t",
    " ",
    "\u00a0",
    "\u3000",
    "\u2028",
    "\u0085",
    "\ufeff",
    "\u200b",
    "\u0000",
    "\r",
    "\n",
    "\u001b",
    "\u007f",
    "\u009f",
  ],
  ...["é", "Ã", "©", "Ã©", "Â", "ÿ", "東", "🦊", "\ud83d", "\ude00", "\ufffd", "e\u0301", "\u202e"],
]

function randomId(): string {
  if (chance.percent(5))
    return chance.pick(["a", "é", "東", "🦊"]).repeat(chance.pick([255, 256, 341, 342, 512, 1_024, 1_025]))
  return Array.from({ length: 1 + chance.below(4) }, () => chance.pick(PIECES)).join("")
}

const ids = [
  ...[
    "\tstream.end",
    " earliest",
    " life0000~11",
    "stream.end",
    "earliest",
    "a\u0001",
    "Ã©",
    "é".repeat(513),
    " ",
    "a\u00a0",
  ],
  ...Array.from({ length: 150 }, randomId),
]

type Ask = (path: string, id: string) => Promise<ParsedEvent>

/** The first event of an answer, read by Onward's parser; fails for another status than 200. */
async function firstEvent(chunks: AsyncIterable<Uint8Array>): Promise<ParsedEvent> {
  const events: ParsedEvent[] = []
  const parser = createParser({ onEvent: (event) => events.push(event) })
  for await (const chunk of chunks) {
    parser.feed(chunk)
    if (events[0]) return events[0]
  }
  throw new Error("the stream ended without an event")
}

async function request(path: string, headers: http.OutgoingHttpHeaders): Promise<ParsedEvent> {
  const asked = http.get({ host: "127.0.0.1", port: address().port, path, headers, agent: false })
  const [response] = (await once(asked, "response")) as [http.IncomingMessage]
  try {
    assert.equal(response.statusCode, 200)
    return await firstEvent(response)
  } finally {
    asked.destroy()
  }
}

/** Each way in which clients send an id. */
const WAYS: Readonly<Record<string, Ask>> = {
  "a node:http header": (path, id) => request(path, { "last-event-id": idToHeader(id) }),
  "the query": (path, id) => request(`${path}&last_event_id=${encodeURIComponent(id)}`, {}),
  async "a fetch header"(path, id) {
    const controller = new AbortController()
    const { port } = address()
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      headers: { "last-event-id": idToHeader(id) },
      signal: controller.signal,
    })
    try {
      assert.equal(response.status, 200)
      return await firstEvent(response.body as AsyncIterable<Uint8Array>)
    } finally {
      controller.abort()
    }
  },
  /** As a native EventSource: UTF-8 bytes as they are. */
  async "bytes on a socket"(path, id) {
    const { port } = address()
    const socket = net.connect(port, "127.0.0.1")
    socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\nLast-Event-ID: ${id}\r\nConnection: close\r\n\r\n`)
    let text = ""
    try {
      for await (const chunk of socket.setEncoding("latin1") as AsyncIterable<string>) {
        text += chunk
        const body = /^HTTP\/1.1 200 .*?\r\n\r\n(.*\n\n)/s.exec(text)?.[1]
        const data = body === undefined ? undefined : /(?:^|\n)data: (.*)\n/.exec(body)?.[1]
        if (data !== undefined) return { data, id: "", event: "message" }
        if (/^HTTP\/1.1 [^2]/.test(text)) break
      }
    } finally {
      socket.destroy()
    }
    throw new Error(`refused: ${text.slice(0, 200)}`)
  },
  async "Onward's client"(path, id) {
    const { port } = address()
    const events = stream(`http://127.0.0.1:${port}${path}`, { lastEventId: id, retry: false })
    try {
      const { value } = await events.next()
      return value as ParsedEvent
    } finally {
      events.close()
    }
  },
}

let server: http.Server
let hub: Hub
const address = (): AddressInfo => server.address() as AddressInfo

/** Yields one message with the id it is asked for, and to a client with an id tells it as data. */
const echo = (id: string): SourceFunction =>
  async function* ({ lastEventId }) {
    yield lastEventId === undefined ? { id, data: "first" } : { data: encodeURIComponent(lastEventId) }
  }

let source: SourceFunction
const errors: unknown[] = []

before(async () => {
  hub = createHub()
  server = http.createServer((req, res) => {
    if (req.url?.startsWith("/own")) return sse(req, res, source, { onError: (error) => errors.push(error) })
    return sse(
      req,
      res,
      hub.subscribe({ topics: [new URL(req.url ?? "", "http://a").searchParams.get("topic") ?? "-"] }),
    )
  })
  await once(server.listen(0, "127.0.0.1"), "listening")
})
after(async () => {
  server.closeAllConnections()
  server.close()
  await hub.close()
})

test(`every id that a hub accepts resumes after its message, in each way that a client can send it (SEED=${seed})`, async () => {
  let taken = 0
  for (const [n, id] of ids.entries()) {
    const topic = `t${n}`
    try {
      await hub.publish({ topic, id, data: "the message" })
    } catch (error) {
      assert.equal((error as { code?: string }).code, "invalid_message", JSON.stringify(id))
      continue
    }
    taken++
    await hub.publish({ topic, data: "behind it" })
    for (const [way, ask] of Object.entries(WAYS)) {
      const { data } = await ask(`/hub?topic=${topic}`, id)
      assert.equal(data, "behind it", `${JSON.stringify(id)} by ${way} (SEED=${seed})`)
    }
  }
  assert.ok(taken > 20 && taken < ids.length - 20, `${taken} of ${ids.length} ids were taken`)
})

test(`every id that a source yields is sent back unchanged, or refused with a reason (SEED=${seed})`, async () => {
  let sent = 0
  for (const id of ids) {
    source = echo(id)
    errors.length = 0
    const received = await request("/own?", {})
    if (received.event === "stream.error") {
      assert.match(String(errors[0]), /`id` that a source yielded .+\. Yield another id\./)
      continue
    }
    sent++
    assert.equal(received.id, id)
    for (const [way, ask] of Object.entries(WAYS)) {
      const { data } = await ask("/own?", id)
      assert.equal(decodeURIComponent(data), id, `${JSON.stringify(id)} by ${way} (SEED=${seed})`)
    }
    const asked = new Request("http://a/", { headers: { "last-event-id": idToHeader(id) } })
    const answer = await webSse(asked, source)
    const { data } = await firstEvent(answer.body as AsyncIterable<Uint8Array>)
    assert.equal(decodeURIComponent(data), id, `${JSON.stringify(id)} by a Request (SEED=${seed})`)
  }
  assert.ok(sent > 20 && sent < ids.length - 20, `${sent} of ${ids.length} ids were sent`)
})
