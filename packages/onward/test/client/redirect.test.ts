import assert from "node:assert/strict"
import { test, type TestContext } from "node:test"
import { EventSource, stream } from "../../src/client/node.ts"
import { nodeFetch } from "../../src/client/node-fetch.ts"
import type { FaultExchange } from "./fault-exchange.ts"
import { TRANSPORTS } from "./transports.ts"
import { createStage, take, watch, type Stage } from "./watch.ts"

const SECRET = "s3cr3t"

/** Sends whoever comes to /start on, to `/moved` at this or the other origin, where there is an event. */
const stageOf = (t: TestContext, status: number, to: "same" | "other"): Promise<Stage> =>
  createStage(t, async (exchange) => {
    const { path } = exchange.request
    if (path !== "/start") return greet(exchange)
    await exchange.head(status, { location: to === "same" ? "/moved" : `${exchange.otherUrl}moved` })
    await exchange.end()
  })

async function greet(exchange: FaultExchange): Promise<void> {
  await exchange.open()
  await exchange.write(`id: ${exchange.index}\ndata: hi\n\n`)
}

/** Requests to any origin but the first must not hold the secret anywhere. */
function assertKept({ server }: Stage, how: string): void {
  for (const { origin, head, body } of server.requests) {
    if (`${origin}/` !== server.url) assert.ok(!`${head}${body}`.includes(SECRET), `${how}: ${head}`)
  }
}

for (const [transport, fetch] of Object.entries(TRANSPORTS)) {
  for (const status of [301, 302, 303, 307, 308]) {
    test(`${status} is followed, to the same origin with all headers, to another without authorization, over ${transport}`, async (t) => {
      for (const to of ["same", "other"] as const) {
        for (const Kind of ["EventSource", "stream"]) {
          const stage = await stageOf(t, status, to)
          const { server, clock } = stage
          const options = { clock, fetch, headers: { authorization: `Bearer ${SECRET}` }, lastEventId: "7" }
          const source = Kind === "EventSource" ? new EventSource(`${server.url}start`, options) : undefined
          const { data } = source ? watch(source) : take(stream(`${server.url}start`, options))
          await clock.settle()
          assert.deepEqual(data, ["hi"])
          assert.deepEqual([source?.readyState ?? 1, source?.url ?? `${server.url}start`], [1, `${server.url}start`])
          source?.close()
          assert.equal(server.requests.length, 2)
          const last = server.requests[1]
          assert.equal(`${last?.origin}/`, to === "same" ? server.url : server.otherUrl)
          assert.equal(last?.headers["authorization"], to === "same" ? `Bearer ${SECRET}` : undefined)
          assert.equal(last?.headers["last-event-id"], "7")
          assert.equal(last?.headers["accept"], "text/event-stream")
          assertKept(stage, `${status} ${to} ${Kind}`)
        }
      }
    })

    test(`custom headers are never sent to another origin by ${status}, over ${transport}`, async (t) => {
      for (const name of ["x-api-key", "cookie", "proxy-authorization", "api-token"]) {
        for (const to of ["same", "other"] as const) {
          const stage = await stageOf(t, status, to)
          const { server, clock } = stage
          const given = take(stream(`${server.url}start`, { clock, fetch, headers: { [name]: SECRET } }))
          await clock.settle()
          // what a platform's fetch would do with them cannot be seen, so it is not allowed to
          const isRefused = fetch !== nodeFetch
          assert.deepEqual([given.data, given.ending], isRefused ? [[], "redirect_refused"] : [["hi"], undefined])
          if (!isRefused && to === "same") assert.equal(server.requests[1]?.headers[name], SECRET)
          assertKept(stage, `${status} ${to} ${name}`)
        }
      }
    })

    test(`a POST becomes a GET by 301, 302 and 303 only: ${status}, over ${transport}`, async (t) => {
      const stage = await stageOf(t, status, "same")
      const { server, clock } = stage
      const given = take(stream(`${server.url}start`, { clock, fetch, body: { q: 1 } }))
      await clock.settle()
      const [first, second] = server.requests
      const sent = [first, second].map((request) => [
        request?.method,
        request?.body.toString(),
        request?.headers["content-type"],
      ])
      const post = ["POST", '{"q":1}', "application/json"]
      assert.deepEqual(sent, [post, status < 307 ? ["GET", "", undefined] : post])
      assert.deepEqual(given.data, ["hi"])
    })
  }

  test(`headers about a body are dropped with it, in any spelling of the method, over ${transport}`, async (t) => {
    const stage = await stageOf(t, 302, "same")
    const headers = { "content-language": "de" }
    const asked = stream(`${stage.server.url}start`, {
      clock: stage.clock,
      fetch,
      method: "post",
      body: { q: 1 },
      headers,
    })
    const given = take(asked)
    await stage.clock.settle()
    assert.deepEqual(
      stage.server.requests.map(({ method, headers }) => [method, headers["content-language"]]),
      [
        ["POST", "de"],
        ["GET", undefined],
      ],
    )
    assert.deepEqual(given.data, ["hi"])
  })

  test(`a redirect of a resumed request drops headers too, and the next attempt starts at the first URL, over ${transport}`, async (t) => {
    const stage = await createStage(t, async (exchange) => {
      const { path } = exchange.request
      if (path === "/start" && exchange.index > 0) {
        await exchange.head(307, { location: `${exchange.otherUrl}moved` })
      } else {
        await greet(exchange)
        await exchange.wait(5)
      }
      await exchange.end()
    })
    const { server, clock } = stage
    const headers = ({ number }: { number: number }) => Promise.resolve({ authorization: `Bearer ${SECRET}${number}` })
    const events = stream(`${server.url}start`, { clock, fetch, headers })
    const { data } = take(events)
    while (server.requests.length < 5) await clock.pass(1_000)
    events.close()
    assert.deepEqual(data.slice(0, 2), ["hi", "hi"])
    const seen = server.requests
      .slice(0, 5)
      .map((request) => [`${request.origin}/`, request.headers["authorization"], request.headers["last-event-id"]])
    assert.deepEqual(seen, [
      [server.url, `Bearer ${SECRET}0`, undefined],
      [server.url, `Bearer ${SECRET}1`, "0"],
      [server.otherUrl, undefined, "0"],
      [server.url, `Bearer ${SECRET}2`, "2"],
      [server.otherUrl, undefined, "2"],
    ])
  })

  test(`headers dropped by a redirect to another origin are not sent again on the way back, over ${transport}`, async (t) => {
    const stage = await createStage(t, async (exchange) => {
      const { path } = exchange.request
      if (path === "/end") return greet(exchange)
      await exchange.head(302, { location: `${exchange.otherUrl}${path === "/start" ? "away" : "end"}` })
      await exchange.end()
    })
    const { server, clock } = stage
    const { data } = take(stream(`${server.url}start`, { clock, fetch, headers: { authorization: SECRET } }))
    await clock.settle()
    assert.deepEqual(data, ["hi"])
    assert.deepEqual(
      server.requests.map(({ origin, path, headers }) => [`${origin}/`, path, headers["authorization"]]),
      [
        [server.url, "/start", SECRET],
        [server.otherUrl, "/away", undefined],
        [server.url, "/end", undefined],
      ],
    )
  })

  test(`a redirect without a target is an error, not an event and not a loop, over ${transport}`, async (t) => {
    for (const location of [
      "javascript:alert(1)",
      "file:///etc/passwd",
      "data:text/event-stream,data:%20no%0A%0A",
      "http://",
      "/start",
      "ftp://x/",
    ]) {
      const stage = await createStage(t, async (exchange) => {
        await exchange.head(302, { location })
        await exchange.end()
      })
      const { server, clock } = stage
      const given = take(stream(`${server.url}start`, { clock, fetch, retry: false }))
      await clock.pass(60_000)
      assert.deepEqual(given.data, [], location)
      assert.match(String(given.ending), /redirect_refused|network_error/, location)
      assert.ok(server.requests.length <= 21, `${server.requests.length} requests for ${location}`)
    }
  })

  test(`a Location can be relative, and contain UTF-8, over ${transport}`, async (t) => {
    const stage = await createStage(t, async (exchange) => {
      const { path } = exchange.request
      if (path.startsWith("/a/")) {
        await exchange.head(302, { location: Buffer.from("../b?c=é#d").toString("latin1") })
        await exchange.end()
      } else await greet(exchange)
    })
    const { server, clock } = stage
    const { data } = take(stream(`${server.url}a/start`, { clock, fetch }))
    await clock.settle()
    assert.deepEqual([data, server.requests[1]?.path], [["hi"], "/b?c=%C3%A9"])
  })

  test(`messages of an EventSource have the origin of the redirect's target, over ${transport}`, async (t) => {
    const stage = await stageOf(t, 307, "other")
    const { server, clock } = stage
    const source = new EventSource(`${server.url}start`, { clock, fetch })
    const origins: string[] = []
    source.onmessage = ({ origin }) => origins.push(`${origin}/`)
    await clock.settle()
    source.close()
    assert.deepEqual(origins, [server.otherUrl])
  })

  test(`a resume can use another URL, by GET, without the body and at another origin without headers, over ${transport}`, async (t) => {
    const stage = await createStage(t, async (exchange) => {
      await greet(exchange)
      await exchange.wait(5)
      exchange.reset()
    })
    const { server, clock } = stage
    const headers = { authorization: SECRET }
    for (const resume of [`${server.url}again`, `${server.otherUrl}again`]) {
      const before = server.requests.length
      const events = stream(`${server.url}start`, { clock, fetch, headers, body: { q: SECRET }, resume })
      take(events)
      while (server.requests.length < before + 2) await clock.pass(1_000)
      events.close()
      const { method, body, path, origin } = server.requests[before + 1] as (typeof server.requests)[0]
      assert.deepEqual([method, body.toString(), path], ["GET", "", "/again"])
      assert.equal(`${origin}/again`, resume)
      assertKept(stage, resume)
    }
  })
}

test("credentials of a URL are sent to its origin only, and are not part of an event's origin", async (t) => {
  for (const to of ["same", "other"] as const) {
    const stage = await stageOf(t, 302, to)
    const { server, clock } = stage
    const url = server.url.replace("//", `//me:${SECRET}@`)
    const source = new EventSource(`${url}start`, { clock })
    const origins: string[] = []
    source.onmessage = ({ origin }) => origins.push(`${origin}/`)
    await clock.settle()
    source.close()
    assert.deepEqual(origins, [to === "same" ? server.url : server.otherUrl])
    const basic = `Basic ${Buffer.from(`me:${SECRET}`).toString("base64")}`
    const sent = server.requests.map(({ headers }) => headers["authorization"])
    assert.deepEqual(sent, [basic, to === "same" ? basic : undefined])
  }
})
