import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { test, type TestContext } from "node:test"
import { fetchEventSource } from "@microsoft/fetch-event-source"
import { EventSource } from "eventsource"
import { createEventSource } from "eventsource-client"
import { createParser } from "eventsource-parser"
import { createHub, memoryLog, type Hub } from "onward"
import { sse, type Source } from "onward/node"
import { checkBlocks } from "../check-blocks.ts"
import { eventually } from "./exchange.ts"

interface Service {
  readonly url: string
  readonly hub: Hub
  /** Ends every stream as a deploy does; the hub that follows shares the log. */
  deploy(): Promise<void>
}

/** A hub behind `node:http`, and a source that yields all that is not an event. */
async function serve(t: TestContext): Promise<Service> {
  const log = memoryLog()
  let hub = createHub({ log })
  const own: Source = async function* () {
    yield { retry: 20 }
    yield { id: "1" }
    yield { comment: "nothing to hear" }
    yield { id: "2", data: { n: 1 } }
  }
  const server = createServer((req, res) => {
    const source = req.url?.startsWith("/own") ? own : hub.subscribe({ topics: ["numbers"] })
    sse(req, res, source, { retry: 20 })
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  t.after(async () => {
    server.close()
    await hub.close()
    server.closeAllConnections()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get hub() {
      return hub
    },
    async deploy() {
      const before = hub
      hub = createHub({ log })
      await before.drain({ duration: 0 })
    },
  }
}

interface Received {
  readonly event: string
  readonly data: string
}

/** How each client is made to read a stream, and to reconnect; `heard` is called with all that it reports. */
const CLIENTS: Readonly<
  Record<string, (url: string, heard: (received: Received) => void, signal: AbortSignal) => void>
> = {
  "@microsoft/fetch-event-source": (url, heard, signal) => {
    void fetchEventSource(url, {
      signal,
      openWhenHidden: true,
      onmessage: ({ event, data }) => heard({ event, data }),
      onclose() {
        throw new Error("reconnect")
      },
    })
  },
  eventsource: (url, heard, signal) => {
    const source = new EventSource(url)
    signal.addEventListener("abort", () => source.close())
    for (const type of ["message", "stream.checkpoint", "stream.end"]) {
      source.addEventListener(type, ({ data }) => heard({ event: type, data: String(data) }))
    }
  },
  "eventsource-client": (url, heard, signal) => {
    const source = createEventSource({ url, onMessage: ({ event = "", data }) => heard({ event, data }) })
    signal.addEventListener("abort", () => source.close())
  },
  "eventsource-parser": (url, heard, signal) => {
    let id = ""
    const parser = createParser({
      onEvent({ id: given, event = "", data }) {
        id = given ?? id
        heard({ event, data })
      },
    })
    const connect = async (): Promise<void> => {
      while (!signal.aborted) {
        const response = await fetch(url, { signal, headers: { "last-event-id": id } })
        const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
        for (let part = await reader?.read(); part?.done === false; part = await reader?.read()) parser.feed(part.value)
        parser.reset()
      }
    }
    connect().catch(() => {})
  },
}

// fetch-event-source asks these of a browser, and nothing else
Object.assign(globalThis, {
  window: globalThis,
  document: { hidden: false, addEventListener() {}, removeEventListener() {} },
})

for (const [name, listen] of Object.entries(CLIENTS)) {
  test(`${name} parses the data of every message of a hub as JSON, over two deploys, each entry once`, async (t) => {
    const service = await serve(t)
    const leaving = new AbortController()
    t.after(() => leaving.abort())
    const received: Received[] = []
    const wrong: unknown[] = []
    listen(
      service.url,
      (message) => {
        received.push(message)
        try {
          JSON.parse(message.data)
        } catch {
          wrong.push(message)
        }
      },
      leaving.signal,
    )
    const numbers = (): number[] =>
      received
        .filter(({ event }) => event === "" || event === "message")
        .map(({ data }) => JSON.parse(data).n as number)
    for (let n = 1; n <= 3; n++) {
      await eventually("it is live", () => service.hub.stats().live === 1)
      await service.hub.publish({ topic: "other", data: { n: 0 } })
      await service.hub.publish({ topic: "numbers", data: { n } })
      await eventually(`${n} has arrived`, () => numbers().includes(n) || wrong.length > 0)
      if (n < 3) await service.deploy()
    }
    assert.deepEqual(wrong, [])
    assert.deepEqual(numbers(), [1, 2, 3])
    assert.ok(received.some(({ event }) => event === "stream.checkpoint"))
  })

  test(`${name} receives no message without data from a custom source`, async (t) => {
    const { url } = await serve(t)
    const leaving = new AbortController()
    t.after(() => leaving.abort())
    const received: Received[] = []
    listen(`${url}/own`, (message) => received.push(message), leaving.signal)
    await eventually("the end has come", () => received.some(({ event }) => event === "stream.end"))
    leaving.abort()
    assert.ok(
      received.every(({ data }) => data.startsWith("{")),
      JSON.stringify(received),
    )
  })
}

test("the bytes of a custom source contain no block without data", async (t) => {
  const { url } = await serve(t)
  const text = await (await fetch(`${url}/own`)).text()
  checkBlocks(text)
  assert.equal(
    text,
    `: heartbeat 15000
retry: 20
event: stream.checkpoint
retry: 20
data: {}

event: stream.checkpoint
id: 1
data: {}

: nothing to hear
id: 2
data: {"n":1}

event: stream.end
retry: 86400000 ms
id: stream.end
data: {}

`,
  )
})
