import assert from "node:assert/strict"
import { test } from "node:test"
import { createRuns } from "../../src/runs/index.ts"
import { rigs, withServer } from "../adapters/rigs.ts"
import { lines } from "./lines.ts"

const WORDS = ["Once ", "upon ", "a ", "time"]

for (const rig of rigs) {
  test(`${rig.name}: a run's words arrive one by one, and a client that reconnects receives the rest`, async () => {
    // each is said only once the client has the one before: what is held back until more comes never comes
    const has = WORDS.map(() => Promise.withResolvers<void>())
    await using runs = createRuns({ format: { ...lines, headers: { "x-format": "lines" } } })
    await runs.start("a", async function* () {
      for (const [i, word] of WORDS.entries()) {
        yield word
        await has[i]?.promise
      }
    })
    await withServer(
      rig,
      ({ sse }) => sse(runs.source("a")),
      async (ask) => {
        const exchange = await ask({ headers: { accept: "application/json" } })
        assert.equal(exchange.status, 200)
        assert.equal(exchange.headers["x-format"], "lines")
        assert.equal(exchange.headers["onward-run"], "a")
        for (const [i, word] of WORDS.entries()) {
          await exchange.has(`data: ${JSON.stringify(word)}\n\n`)
          has[i]?.resolve()
        }
        await exchange.has('data: "[completed]"\n\n')
        const ids = exchange.blocks.flatMap(({ id, data }) => (data === undefined || id === undefined ? [] : [id]))
        assert.equal(ids.length, WORDS.length + 1)
        const again = await ask({ headers: { "last-event-id": ids[1] as string } })
        await again.has('data: "a time"\n\n')
        assert.equal((await ask({ headers: { "last-event-id": ids.at(-1) as string } })).status, 204)
        assert.equal((await ask({ headers: { "last-event-id": "another" } })).status, 400)
      },
    )
  })
}
