import assert from "node:assert/strict"
import { test } from "node:test"
import { rigs, withServer } from "./rigs.ts"

const APP = "https://app.example"

for (const rig of rigs) {
  test(`${rig.name}: only listed origins may read the stream, and are told so beforehand`, async () => {
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
