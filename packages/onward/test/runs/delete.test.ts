import assert from "node:assert/strict"
import { test } from "node:test"
import { memoryLog } from "../../src/log/index.ts"
import {
  agUi,
  aiSdk,
  anthropic,
  createRuns,
  openaiChat,
  openaiResponses,
  text,
  type Runs,
} from "../../src/runs/index.ts"
import { connect } from "../../src/testing/index.ts"
import { chance, seed } from "../protocol/seed.ts"
import { lines } from "./lines.ts"
import { textOf } from "./text-of.ts"

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

async function* told(): AsyncGenerator<string> {
  for (const word of ["Once ", "upon ", "a ", "time"]) {
    await turn()
    yield word
  }
}

test("a run that is deleted while it is written is stopped for its viewers, and removed for all", async () => {
  const log = memoryLog()
  await using one = createRuns({ log, format: lines })
  await using two = createRuns({ log, format: lines })
  const aborted = Promise.withResolvers<void>()
  await one.start("a", async function* ({ signal }) {
    signal.addEventListener("abort", () => aborted.resolve())
    yield "Once "
    await new Promise(() => {})
  })
  const watching = [one, two].map((runs) => textOf(runs.attach("a")))
  for await (const { frame } of two.attach("a")) if (frame === "Once ") break
  assert.equal(await two.delete("a"), "deleted")
  assert.deepEqual(await Promise.all(watching), ["Once [stopped]", "Once [stopped]"])
  await aborted.promise

  await using later = createRuns({ log, format: lines })
  for (const runs of [one, two, later]) {
    assert.deepEqual(await runs.status("a"), { status: "expired" })
    await assert.rejects(textOf(runs.attach("a")), { code: "run_expired" })
    await assert.rejects(runs.start("a", told), { code: "run_expired" }, "nor does another one take its place")
    const reader = await connect({ fetch: (request: Request) => runs.respond(request, "a") })
    assert.equal(reader.status, 410)
    assert.equal(await runs.stop("a"), "unknown")
    assert.equal(await runs.delete("a"), "deleted", "again is fine")
  }
})

test("a viewer of a complete response that is deleted receives no more of it, and no end", async () => {
  await using runs = createRuns({ format: { ...lines, merge: () => undefined }, flush: { maxChars: 1 } })
  const { ended } = await runs.start("a", told)
  const slow = runs.attach("a")
  assert.equal((await slow.next()).value?.frame, "Once ")
  assert.equal((await ended()).status, "completed")
  const { lastEventId } = await runs.status("a")
  await runs.delete("a")
  assert.equal(await textOf(slow), "[stopped]")
  await assert.rejects(textOf(runs.attach("a", { lastEventId: lastEventId as string })), { code: "run_expired" })
})

for (const format of [openaiResponses(), openaiChat(), anthropic(), aiSdk(), agUi(), text()]) {
  test(`${format.name}: a viewer that was behind when a complete response was deleted receives an end without the rest`, async () => {
    await using runs = createRuns({ format: openaiResponses(), formats: [format] })
    const content = [{ type: "output_text", text: "First Secret", annotations: [] }]
    const message = { id: "m", type: "message", role: "assistant", status: "completed", content }
    const at = { item_id: "m", output_index: 0, content_index: 0 }
    const events = [
      { type: "response.created", response: { id: "a", status: "in_progress", output: [] } },
      { type: "response.output_item.added", output_index: 0, item: { ...message, status: "in_progress", content: [] } },
      { type: "response.output_text.delta", ...at, delta: "First" },
      { type: "response.output_text.delta", ...at, delta: " Secret" },
      { type: "response.output_item.done", output_index: 0, item: message },
      { type: "response.completed", response: { id: "a", status: "completed", output: [message] } },
    ]
    const { ended } = await runs.start("a", async function* () {
      for (const [i, event] of events.entries()) yield { ...event, sequence_number: i }
    })
    await ended()
    const read = async (slow: AsyncIterable<unknown>): Promise<string> => {
      let all = ""
      for await (const item of slow) all += JSON.stringify(item)
      return all
    }
    const behind = runs.attach("a", { format: format.name, merge: false })
    await behind.next()
    assert.match(await read(runs.attach("a", { format: format.name })), /Secret/)
    await runs.delete("a")
    const rest = await read(behind)
    assert.match(rest, /stopped|abort/)
    assert.doesNotMatch(rest, /Secret|complete|finish_reason":"stop|message_stop/)
  })
}

test("only its owner can delete a run, and only an existing one", async () => {
  await using runs = createRuns({ format: lines })
  await runs.start("a", told, { owner: "ada" })
  assert.equal(await runs.delete("a", { owner: "eve" }), "unknown")
  assert.equal(await runs.delete("a"), "unknown")
  assert.equal(await runs.delete("b"), "unknown")
  assert.equal(await runs.delete("a*"), "unknown")
  assert.equal(await textOf(runs.attach("a", { owner: "ada" })), "Once upon a time[completed]")
  assert.equal(await runs.delete("a", { owner: "ada" }), "deleted")
  assert.equal((await runs.status("a")).status, "unknown", "to others it never was")
  await runs.start("b", told)
  assert.equal(await textOf(runs.attach("b")), "Once upon a time[completed]", "another run's id is no matter")
})

test("in any order of events, each viewer of a deleted run has received a part and a stop, or all of it, or nothing", async () => {
  const log = memoryLog()
  await using one = createRuns({ log, format: lines, flush: { interval: 1 } })
  await using two = createRuns({ log, format: lines, flush: { interval: 1 } })
  const wait = async (): Promise<void> => {
    for (let turns = chance.below(20); turns > 0; turns--) await turn()
  }
  const seen = new Set<string>()
  for (let race = 0; race < 100; race++) {
    const id = `race-${race}`
    await one.start(id, told)
    const view = async (runs: Runs<string>): Promise<string> => {
      await wait()
      return textOf(runs.attach(id)).catch(({ code }: { code: string }) => code)
    }
    const views = [one, two, one, two].map(view)
    await wait()
    await two.delete(id)
    for (const saw of await Promise.all(views)) {
      assert.match(
        saw,
        /^(?:run_expired|(?:Once )?(?:upon )?(?:a )?(?:time)?\[stopped\]|Once upon a time\[completed\])$/,
      )
      seen.add(saw)
    }
    for (const runs of [one, two]) assert.equal((await runs.status(id)).status, "expired", `race ${race}, seed ${seed}`)
  }
  assert.ok(seen.size >= 2, `this races nothing: seed ${seed}`)
})
