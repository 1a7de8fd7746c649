import assert from "node:assert/strict"
import { test } from "node:test"
import { eventually, settled } from "./exchange.ts"
import { rigs, withServer } from "./rigs.ts"

const MIB = 1_048_576
/** More than a socket pair takes on loopback, whatever the kernel's settings. */
const CHUNKS = 40

for (const rig of rigs) {
  test(`${rig.name}: a source is not pulled while its client does not read, and goes on when it does`, async () => {
    let pulled = 0
    let isDone = false
    await withServer(
      rig,
      ({ sse }) =>
        sse(async function* () {
          while (pulled++ < CHUNKS) yield "x".repeat(MIB)
          isDone = true
        }),
      async (ask) => {
        const exchange = await ask({ reads: false })
        const held = await settled(() => pulled)
        assert.ok(held >= 1 && held <= 20, `${held} MiB were pulled for a client that reads nothing`)
        assert.ok(!isDone)
        exchange.read()
        assert.equal(await exchange.over(), "ended")
        const frames = CHUNKS * (MIB + "data: \n\n".length)
        assert.equal(exchange.length, ": \n".length + frames + "event: stream.end\nid: stream.end\ndata: {}\n\n".length)
        await eventually("the source ended", () => isDone)
      },
    )
  })
}
