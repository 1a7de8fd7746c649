import assert from "node:assert/strict"
import { test } from "node:test"
import { createHub } from "onward"
import { rigs, withServer } from "./rigs.ts"

const APP = "https://app.example"

for (const rig of rigs) {
  test(`${rig.name}: only pages of listed origins can read the stream, and their preflights say so`, async () => {
    const cors = { origins: [APP], credentials: true }
    await withServer(
      rig,
      ({ sse }) =>
        sse(
          async function* () {
            yield "one"
          },
          { cors },
        ),
      async (ask) => {
        const asked = { "access-control-request-method": "POST", "access-control-request-headers": "last-event-id" }
        const preflight = await ask({ method: "OPTIONS", headers: { origin: APP, ...asked } })
        assert.equal(preflight.status, 204)
        assert.equal(preflight.headers["access-control-allow-origin"], APP)
        assert.equal(preflight.headers["access-control-allow-credentials"], "true")
        assert.match(preflight.headers["access-control-allow-methods"] ?? "", /\bPOST\b/)
        assert.match(preflight.headers["access-control-allow-headers"] ?? "", /\blast-event-id\b/)

        const listed = await ask({ headers: { origin: APP } })
        assert.equal(listed.headers["access-control-allow-origin"], APP)
        assert.match(listed.headers.vary ?? "", /\bOrigin\b/)
        assert.equal(await listed.over(), "ended")
        assert.deepEqual(listed.data, ["one"])

        for (const method of ["GET", "OPTIONS"]) {
          const stranger = await ask({ method, headers: { origin: "https://other.example", ...asked } })
          assert.equal(stranger.headers["access-control-allow-origin"], undefined)
          assert.equal(stranger.headers["access-control-allow-methods"], undefined)
          assert.match(stranger.headers.vary ?? "", /\bOrigin\b/)
        }
      },
    )
  })
}

for (const rig of rigs) {
  test(`${rig.name}: a page of another origin reconnects without a preflight, and reads the headers that it needs`, async () => {
    const cors = { origins: [APP] }
    const hub = createHub()
    const headers = { "content-location": "/events/1", "X-Mine": "yes", "set-cookie": "a=b" }
    try {
      await withServer(
        rig,
        ({ sse }) => sse(hub.subscribe({ topics: ["a"], limitKey: "one" }), { cors, headers }),
        async (ask) => {
          const first = await hub.publish({ topic: "a", data: "1" })
          await hub.publish({ topic: "a", data: "2" })
          const resumed = await ask({ path: `/?last_event_id=${encodeURIComponent(first)}`, headers: { origin: APP } })
          await resumed.has("data: 2")
          assert.deepEqual(resumed.data, ["2"])
          assert.equal(resumed.headers["access-control-expose-headers"], "retry-after, content-location, x-mine")
          await hub.drain({ duration: 0 })
          const refused = await ask({ headers: { origin: APP } })
          assert.equal(refused.status, 503)
          assert.match(refused.headers["retry-after"] ?? "", /^\d$/)
          const notAcceptable = await ask({ headers: { origin: APP, accept: "text/html" } })
          assert.equal(notAcceptable.status, 406)
          for (const each of [refused, notAcceptable]) {
            assert.match(each.headers["access-control-expose-headers"] ?? "", /^retry-after, /)
          }
          const stranger = await ask({ headers: { origin: "https://other.example" } })
          assert.equal(stranger.headers["access-control-expose-headers"], undefined)
        },
      )
    } finally {
      await hub.close()
    }
  })
}
