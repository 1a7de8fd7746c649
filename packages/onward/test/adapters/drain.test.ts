import assert from "node:assert/strict"
import { execFile } from "node:child_process"
import { test } from "node:test"
import { promisify } from "node:util"
import { createHub } from "onward"
import { rigs, withServer } from "./rigs.ts"

for (const rig of rigs) {
  test(`${rig.name}: a hub that drains ends its streams with a reconnection time, and accepts no new ones`, async (t) => {
    const hub = createHub()
    t.after(() => hub.close())
    await withServer(
      rig,
      ({ sse }) => sse(hub.subscribe({ topics: ["a"] })),
      async (ask) => {
        const exchanges = [await ask(), await ask(), await ask()]
        for (const exchange of exchanges) await exchange.has("id:")
        const drained = hub.drain({ duration: 20 })
        assert.equal((await ask()).status, 503)
        for (const exchange of exchanges) {
          assert.equal(await exchange.over(), "ended")
          assert.match(exchange.text, /\nevent: stream\.checkpoint\nretry: \d+\nid: \S+\ndata: \{\}\n\n$/)
        }
        await drained
        assert.equal(hub.stats().connections, 0)
      },
    )
  })
}

test("a server with a hundred streams drains, closes, and its process ends", async () => {
  const program = new URL("programs/drain-and-exit.ts", import.meta.url).pathname
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ["--conditions=onward-source", program], {
    timeout: 20_000,
  })
  assert.equal(stdout, "100 told to come back, at many times\nended by itself\n")
  assert.equal(stderr, "")
})
