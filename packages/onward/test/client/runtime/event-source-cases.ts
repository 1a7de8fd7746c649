import { same, type Case } from "./case.ts"

/** `EventSource`, in every runtime. */
export const eventSourceCases: readonly Case[] = [
  {
    name: "EventSource dispatches MessageEvents with name, data, id and origin, and the server detects a close",
    async answer(exchange) {
      await exchange.open()
      await exchange.write("\uFEFF: hello\n\nid: 1\nevent: tick\ndata: a\ndata: b\n\ndata: größer 😀\r\n\r\n")
    },
    async run({ client, url, requests, eventually }) {
      const source = new client.EventSource(url)
      const seen: unknown[] = []
      for (const type of ["tick", "message"]) {
        source.addEventListener(type, (event) => {
          const isReal = event instanceof MessageEvent && event instanceof Event && event.target === source
          seen.push([event.type, event.data, event.lastEventId, event.origin, isReal])
        })
      }
      let opens = 0
      source.onopen = () => opens++
      await eventually("two events", () => seen.length === 2)
      const { origin } = new URL(url)
      same(seen, [
        ["tick", "a\nb", "1", origin, true],
        ["message", "größer 😀", "1", origin, true],
      ])
      same([opens, source.readyState, source.url, source.lastEventId], [1, 1, url, "1"])
      source.close()
      same(source.readyState, 2)
      await eventually("the server to hear of it", async () => (await requests())[0]?.isClosed === true)
    },
  },
  {
    name: "EventSource resumes after a cut, with the id as UTF-8, and stops at 204",
    async answer(exchange, n, told) {
      if (n === 1) {
        await exchange.head(204)
        return exchange.end()
      }
      await exchange.open()
      await exchange.write("retry: 1\nid: größer … 😀\ndata: a\n\nid: lost\ndata: never who")
      // not before: some platforms throw away what came together with the cut
      await told("a")
      exchange.cut()
    },
    async run({ client, url, requests, tell, eventually }) {
      const source = new client.EventSource(url)
      source.onmessage = ({ data }) => void tell(data)
      const errors: unknown[] = []
      source.onerror = ({ error }) => errors.push([source.readyState, error?.code])
      await eventually("the end", () => source.readyState === 2)
      same(errors.length, 2, "count of errors")
      same(errors[1], [2, null])
      const ids = (await requests()).map(({ headers }) => headers["last-event-id"])
      same(ids, [undefined, "größer … 😀"])
    },
  },
  {
    name: "EventSource stops at an error status, and with `retry` retries retryable ones",
    async answer(exchange, n) {
      if (n < 2) {
        await exchange.head(503, { "retry-after": "0" })
        return exchange.end()
      }
      await exchange.open()
      await exchange.write("data: a\n\n")
    },
    async run({ client, url, eventually }) {
      const plain = new client.EventSource(url)
      let failed: unknown
      plain.onerror = ({ error }) => (failed = [plain.readyState, error?.code, error?.status])
      await eventually("the plain one to fail", () => failed !== undefined)
      same(failed, [2, "bad_status", 503])
      const stubborn = new client.EventSource(url, { retry: { base: 1 }, reconnectionTime: 1 })
      let data = ""
      stubborn.onmessage = (event) => (data = event.data)
      await eventually("an event", () => data === "a")
      stubborn.close()
    },
  },
  {
    name: "EventSource reads a stream of bytes from anywhere",
    answer() {},
    async run({ client, eventually }) {
      const bytes = new TextEncoder().encode("id: 7\ndata: größer\n\nretry: 5\nevent: bye\ndata\n\n")
      const readable = new ReadableStream<Uint8Array>({
        start(controller) {
          for (const byte of bytes) controller.enqueue(Uint8Array.of(byte))
          controller.close()
        },
      })
      const source = client.EventSource.fromReadableStream(readable)
      const seen: string[] = []
      source.onmessage = ({ data, lastEventId, origin }) => seen.push(`${data} ${lastEventId} ${origin}`)
      source.addEventListener("bye", ({ type }) => seen.push(type))
      await eventually("its end", () => source.readyState === 2)
      same(seen, ["größer 7 null", "bye"])
      same([source.url, source.reconnectionTime], ["about:event-stream", 5])
    },
  },
  {
    name: "a listener that throws affects neither other listeners nor the stream",
    async answer(exchange) {
      await exchange.open()
      await exchange.write("data: a\n\ndata: b\n\n")
    },
    async run({ client, url, eventually, deviates }) {
      if (deviates) globalThis.addEventListener("error", (event) => event.preventDefault())
      const source = new client.EventSource(url)
      const seen: string[] = []
      source.addEventListener("message", () => {
        throw new Error("mine")
      })
      source.addEventListener("message", ({ data }) => seen.push(data))
      await eventually("both events", () => seen.length === 2)
      same(source.readyState, 1)
      source.close()
    },
  },
]
