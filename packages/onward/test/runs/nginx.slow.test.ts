import assert from "node:assert/strict"
import { test } from "node:test"
import { sse } from "../../src/adapters/node.ts"
import { createParser } from "../../src/protocol/index.ts"
import { createRuns } from "../../src/runs/index.ts"
import { nginx } from "../proxies/setups/nginx.ts"
import { missing, start } from "../proxies/start.ts"
import { lines } from "./lines.ts"
import { serve } from "./serve.ts"

const WORDS = ["Once ", "upon ", "a ", "time"]

for (const use of ["plain", "compressing"] as const) {
  test(`through nginx, ${use}, a run's words arrive one by one`, { skip: missing(nginx) }, async (t) => {
    // each is said only once the client has the one before
    const has = WORDS.map(() => Promise.withResolvers<void>())
    await using runs = createRuns({ format: lines })
    await runs.start("a", async function* () {
      for (const [i, word] of WORDS.entries()) {
        yield word
        await has[i]?.promise
      }
    })
    const origin = await serve(t, (req, res) => {
      if (req.url === "/a") sse(req, res, runs.source("a"))
      else res.end("ready")
    })
    const proxy = await start(nginx, use, Number(new URL(origin).port))
    t.after(() => proxy.close())
    const response = await fetch(`${proxy.url}/a`, { headers: { "accept-encoding": "gzip" } })
    const words: string[] = []
    const parser = createParser({
      onEvent({ data }) {
        words.push(JSON.parse(data) as string)
        has[words.length - 1]?.resolve()
      },
    })
    for await (const chunk of response.body ?? []) parser.feed(chunk)
    assert.deepEqual(words, [...WORDS, "[completed]"])
  })
}
