import assert from "node:assert/strict"
import { test } from "node:test"
import type { Source } from "onward/node"
import { eventually, settled } from "./exchange.ts"
import { rigs, withServer } from "./rigs.ts"

const MIB = 1_048_576
/** More than a socket pair takes on loopback, whatever the kernel's settings. */
const CHUNKS = 24

for (const rig of rigs) {
  test(`${rig.name}: a source is not pulled while its client does not read, and continues afterwards`, async () => {
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
        assert.ok(held >= 1 && held <= 12, `${held} MiB were pulled for a client that reads nothing`)
        assert.ok(!isDone)
        exchange.read()
        assert.equal(await exchange.over(), "ended")
        const frames = CHUNKS * (MIB + "data: \n\n".length)
        assert.equal(
          exchange.length,
          ": heartbeat 15000\n".length +
            frames +
            "event: stream.end\nretry: 86400000 ms\nid: stream.end\ndata: {}\n\n".length,
        )
        await eventually("the source ended", () => isDone)
      },
    )
  })
}

// one for each kind of sink
for (const rig of rigs.filter(({ name }) => ["node:http", "node:http2 secure", "web"].includes(name))) {
  test(`${rig.name}: a client that reads nothing for the stall timeout is closed, and its source returned`, async () => {
    let returns = 0
    let signals = 0
    const source: Source = async function* ({ signal }) {
      signal.addEventListener("abort", () => signals++)
      try {
        for (;;) yield "x".repeat(1_048_576)
      } finally {
        returns++
      }
    }
    await withServer(
      rig,
      ({ sse }) => sse(source, { heartbeat: 500, stallTimeout: 500 }),
      async (ask) => {
        await ask({ reads: false })
        await eventually("the source is told", () => returns > 0)
        assert.deepEqual([returns, signals], [1, 1])
      },
    )
  })
}
