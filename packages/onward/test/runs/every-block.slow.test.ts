import assert from "node:assert/strict"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { sse } from "../../src/node/index.ts"
import {
  agUi,
  aiSdk,
  anthropic,
  createRuns,
  openaiChat,
  openaiResponses,
  text,
  type Format,
} from "../../src/runs/index.ts"
import { everyBlock } from "./every-block.ts"
import { serve } from "./serve.ts"

const formats = [agUi(), aiSdk(), anthropic(), openaiChat(), openaiResponses(), text()] as Format[]
const folder = join(import.meta.dirname, "fixtures")

test("the strict reader refuses blocks on which strict clients fail, and skips those that they skip", () => {
  assert.deepEqual(everyBlock(": heartbeat\nid: 1\nevent: a\ndata: {\ndata: }\n\n:\ndata: x\n\nid: 2\n"), [
    { id: "1", event: "a", data: "{\n}" },
    { data: "x" },
  ])
  for (const bad of ["id: 1\n\n", "retry: 1\n\n", ":\n\n", "event: a\n\n", "data:\n\n", "\n"]) {
    assert.throws(() => everyBlock(bad), /a block without data/)
  }
})

for (const file of readdirSync(folder)) {
  const native = formats.find(({ name }) => file.startsWith(name)) as Format
  const blocks = readFileSync(join(folder, file), "utf8").split(/(?<=\n\n)/)

  for (const how of ["completed", "failed", "stopped"] as const) {
    test(`${file}, ${how}: every block in every format has data, and the last one's id is the end`, async (t) => {
      await using runs = createRuns({ format: native, formats, onError: () => {} })
      const origin = await serve(t, (req, res) => {
        const { searchParams, pathname } = new URL(req.url ?? "", "http://a")
        const format = searchParams.get("as") ?? native.name
        sse(req, res, runs.source(pathname.slice(1), { format }))
      })
      const go = Promise.withResolvers<void>()
      const encoder = new TextEncoder()
      const cut = how === "completed" ? blocks.length : Math.ceil(blocks.length / 2)
      const pieces = [blocks[0], blocks.slice(1, cut).join("")].map((piece) => encoder.encode(piece))
      const body = new ReadableStream<Uint8Array>({
        async pull(controller) {
          const piece = pieces.shift()
          if (piece) controller.enqueue(piece)
          await go.promise
          if (!piece && how !== "stopped") controller.close()
        },
      })
      const { ended } = await runs.start("a", new Response(body, { headers: { "content-type": "text/event-stream" } }))
      const get = (name: string, after = "") => fetch(`${origin}/a?as=${name}${after && `&last_event_id=${after}`}`)
      const live = await Promise.all(formats.map(({ name }) => get(name)))
      go.resolve()
      if (how === "stopped") await runs.stop("a")
      const { status } = await ended()
      assert.ok(how === status || file.startsWith("text"), "a text is complete whenever its source ends")
      for (const [at, { name }] of formats.entries()) {
        const first = everyBlock(await (live[at] as Response).text())
        const again = everyBlock(await (await get(name)).text())
        const last = again.at(-1)?.id
        assert.ok(last !== undefined)
        assert.equal(first.at(-1)?.data, again.at(-1)?.data, name)
        // live viewers were given the same last id
        for (const id of [last, first.at(-1)?.id])
          assert.equal((await get(name, id)).status, 204, `${name} after ${id}`)
        for (const { id } of again.slice(0, -1)) everyBlock(await (await get(name, id)).text())
      }
    })
  }
}
