import assert from "node:assert/strict"
import { test } from "node:test"
import OpenAI from "openai"
import { nginx } from "../../../onward/test/proxies/setups/nginx.ts"
import { missing, start } from "../../../onward/test/proxies/start.ts"
import { serveOnward } from "../onward.ts"
import { temporaryFolder } from "../temporary-folder.ts"
import { begin, chat, createProvider, writeResponse } from "./provider.ts"

const WORDS = ["Once", " upon", " a", " time", " there", " was"]
/** Each word is with the client before the provider says the next one. */
const ONE_BY_ONE = WORDS.flatMap((word) => [`said${word}`, `has${word}`])

for (const use of ["plain", "compressing"] as const) {
  test(
    `behind nginx (${use}), tokens of a gateway reach the official client one by one`,
    {
      skip: missing(nginx),
    },
    async (t) => {
      const provider = await createProvider(t)
      const { port } = await serveOnward(t, {
        data: temporaryFolder(t),
        args: ["--upstream", provider.url, "--no-demo"],
      })
      const proxy = await start(nginx, use, port, "/healthz")
      t.after(() => proxy.close())
      const client = new OpenAI({ apiKey: "ann's", baseURL: `${proxy.url}/v1`, maxRetries: 0 })
      const delays: number[] = []
      let order: string[] = []
      let saidAt = 0
      const say = (run: (word: string) => void): void => {
        const word = WORDS[order.length / 2]
        if (word === undefined) return
        order.push(`said${word}`)
        saidAt = performance.now()
        run(word)
      }
      const has = (text: string): void => {
        delays.push(performance.now() - saidAt)
        order.push(`has${text}`)
      }

      const chatting = client.chat.completions.create({ model: "m", messages: [], stream: true }).withResponse()
      const { res } = await provider.call()
      const next = (): void => say((content) => chat.say(res, { content }))
      begin(res)
      next()
      const { data, response: head } = await chatting
      assert.equal(head.headers.get("content-encoding"), use === "compressing" ? "gzip" : null)
      for await (const { choices } of data) {
        const content = choices[0]?.delta.content
        if (content === undefined || content === null) continue
        has(content)
        if (order.length < ONE_BY_ONE.length) next()
        else chat.finish(res)
      }
      assert.deepEqual(order, ONE_BY_ONE)

      order = []
      const asking = client.responses.create({ model: "m", input: "?", stream: true })
      const response = writeResponse((await provider.call()).res, "resp_1")
      response.begin()
      say(response.say)
      for await (const event of await asking) {
        if (event.type !== "response.output_text.delta") continue
        has(event.delta)
        if (order.length < ONE_BY_ONE.length) say(response.say)
        else response.finish()
      }
      assert.deepEqual(order, ONE_BY_ONE)
      t.diagnostic(`from the provider to the client in ms: ${delays.map((delay) => delay.toFixed(1)).join(" ")}`)
    },
  )
}
