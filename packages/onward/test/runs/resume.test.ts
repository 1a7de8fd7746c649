import assert from "node:assert/strict"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import type { SourceContext } from "../../src/server/index.ts"
import {
  agUi,
  aiSdk,
  anthropic,
  createRuns,
  openaiChat,
  openaiResponses,
  text,
  type Format,
  type Runs,
  type Usage,
} from "../../src/runs/index.ts"
import { chance, seed } from "../protocol/seed.ts"

const formats = [agUi(), aiSdk(), anthropic(), openaiChat(), openaiResponses(), text()] as Format[]
const folder = join(import.meta.dirname, "fixtures")

interface Sent {
  readonly id?: string
  readonly event?: string
  readonly data?: string
}

/** What a client gets on the wire, from the beginning or after an id; it may leave after some of it. */
async function get(runs: Runs, format: string, after?: string, most = Infinity): Promise<Sent[]> {
  const { open } = runs.source("a", { format })
  const context: SourceContext = { lastEventId: after, signal: new AbortController().signal }
  const sent: Sent[] = []
  for await (const message of (await open(context)) ?? []) {
    sent.push(message as Sent)
    if (sent.length >= most) break
  }
  return sent
}

const bare = (sent: readonly Sent[]) => sent.map(({ event, data }) => ({ event, data }))

for (const file of readdirSync(folder)) {
  const native = formats.find(({ name }) => file.startsWith(name)) as Format
  const recorded = readFileSync(join(folder, file), "utf8")

  test(`${file}: read in each format, and resumed after each frame, nothing is lost or repeated`, async () => {
    // no merging, so that every frame is there to carry on after
    const exact = formats.map((format) => ({ ...format, merge: () => undefined }))
    await using runs = createRuns({ format: exact.find(({ name }) => name === native.name) as Format, formats: exact })
    await runs.start("a", new Response(recorded, { headers: { "content-type": "text/event-stream" } }))
    assert.equal((await (await runs.start("a", new Response())).ended()).status, "completed")
    for (const { name } of formats) {
      const all = await get(runs, name)
      assert.ok(all.length > 0)
      for (const [i, { id }] of all.entries()) {
        assert.ok(id !== undefined, `${name}: frame ${i} has an id`)
        assert.deepEqual(bare(await get(runs, name, id)), bare(all.slice(i + 1)), `${name}: after frame ${i}`)
      }
    }
  })

  test(`${file}: a client that is cut repeatedly receives the same as one that stays connected, as far as its format allows`, async () => {
    await using runs = createRuns({ format: native, formats, flush: { interval: 1 } })
    const blocks = recorded.split(/(?<=\n\n)/)
    await runs.start("a", () => {
      const body = new ReadableStream<Uint8Array>({
        async pull(controller) {
          await new Promise((resolve) => setTimeout(resolve, chance.below(2)))
          const block = blocks.shift()
          if (block === undefined) controller.close()
          else controller.enqueue(new TextEncoder().encode(block))
        },
      })
      return new Response(body, { headers: { "content-type": "text/event-stream" } })
    })
    await Promise.all(
      formats.map(async (format) => {
        const got: Sent[] = []
        for (let after: string | undefined; ; after = got.at(-1)?.id) {
          const part = await get(runs, format.name, after, 1 + chance.below(4))
          if (part.length === 0) break
          got.push(...part)
        }
        const parts = (sent: readonly Sent[]): string => {
          const follower = format.reader()
          let said = ""
          let usage: Usage | undefined
          for (const { data, event } of sent) {
            assert.ok(data !== undefined)
            const frame = format.decode(event === undefined ? { data } : { data, event })
            if (frame === undefined) continue
            for (const part of follower.take(frame)) {
              // counts are of all until then: of merged frames there is one less
              if (part.type === "usage") usage = part.usage
              else said += "delta" in part ? part.delta : `<${part.type}>`
            }
          }
          return `${said} ${JSON.stringify(usage)}`
        }
        assert.equal(parts(got), parts(await get(runs, format.name)), `${format.name}, seed ${seed}`)
      }),
    )
  })
}
