import assert from "node:assert/strict"
import { test } from "node:test"
import { inspect } from "node:util"
import { stream, type FetchLike, type StreamOptions } from "onward/client"
import { serveFaults } from "./fault-server.ts"
import type { FaultExchange } from "./fault-exchange.ts"

const SECRET = "s3cr3t-0f-ann"

/** What goes wrong, by the code it has. */
const troubles: Readonly<Record<string, (exchange: FaultExchange) => Promise<void>>> = {
  bad_status: (exchange) => exchange.head(403),
  bad_content_type: (exchange) => exchange.head(200, { "content-type": "text/html" }),
  redirect_refused: (exchange) => exchange.head(302, { location: exchange.otherUrl }),
  stream_ended: async (exchange) => {
    await exchange.open()
    await exchange.end()
  },
  network_error: async (exchange) => {
    await exchange.open()
    exchange.reset()
  },
  idle_timeout: (exchange) => exchange.open(),
  event_too_large: async (exchange) => {
    await exchange.open()
    await exchange.write(`data: ${"x".repeat(100)}\n\n`)
  },
  source_failed: async (exchange) => {
    await exchange.open()
    await exchange.write("event: stream.error\ndata: {}\n\n")
  },
}

const transports: Readonly<Record<string, FetchLike | undefined>> = { "node:http": undefined, fetch }

for (const [transport, carrier] of Object.entries(transports)) {
  test(`no error, status or log of the client contains a token, in any position, over ${transport}`, async (t) => {
    const said: unknown[] = []
    t.mock.method(console, "error", (...args: unknown[]) => said.push(...args))
    t.mock.method(console, "warn", (...args: unknown[]) => said.push(...args))
    for (const [code, answer] of Object.entries(troubles)) {
      const server = await serveFaults(t, answer)
      const options: StreamOptions = {
        headers: { authorization: `Bearer ${SECRET}`, cookie: `session=${SECRET}`, "x-api-key": SECRET },
        body: { token: SECRET },
        lastEventId: SECRET,
        retry: false,
        // on a busy machine the others take longer than 30 ms
        idleTimeout: code === "idle_timeout" ? 30 : 30_000,
        maxEventChars: 50,
        onStatus: (status) => status.state !== "open" && said.push(status),
        ...(carrier && { fetch: carrier }),
      }
      const events = stream(`${server.url}?token=${SECRET}`, options)
      await events.next().then(
        ({ done }) => assert.equal([code, done].join(), "stream_ended,true"),
        (error: { code: string }) => {
          said.push(error)
          assert.equal(error.code, code)
        },
      )
    }
    assert.ok(said.length > Object.keys(troubles).length)
    for (const each of said) {
      const text = inspect(each, { depth: 10, showHidden: true }) + String((each as Error).stack)
      assert.ok(!text.includes(SECRET), text)
    }
  })
}
