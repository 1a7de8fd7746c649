/** Makes a run of a provider that sends one event without end, and tells how it ended and how often the event loop turned meanwhile. */
import { memoryLog } from "../../../src/log/index.ts"
import { createRuns, openaiChat } from "../../../src/runs/index.ts"

const piece = new TextEncoder().encode(`data: ${process.argv[2]}\n\n`.repeat(1_000))
const body = new ReadableStream<Uint8Array>({ pull: (controller) => controller.enqueue(piece) })
const log = memoryLog({ retention: { bytes: 16 * 1024 * 1024 } })
const runs = createRuns({ format: openaiChat(), log, maxFrames: 300_000, onError: () => {} })
let ticks = 0
const turn = (): void => {
  ticks++
  timer = setImmediate(turn)
}
let timer = setImmediate(turn)
const { ended } = await runs.start("a", new Response(body, { headers: { "content-type": "text/event-stream" } }))
const { error } = await ended()
clearImmediate(timer)
console.log(JSON.stringify({ code: error?.code, ticks }))
await runs.close()
