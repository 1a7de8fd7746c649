import assert from "node:assert/strict"
import type { IncomingMessage, ServerResponse } from "node:http"
import { test, type TestContext } from "node:test"
import { sse } from "../../src/node/index.ts"
import { openRun } from "../../src/run-client/index.ts"
import { createRuns, type Runs } from "../../src/runs/index.ts"
import { lines } from "../runs/lines.ts"
import { serve } from "../runs/serve.ts"

const WORDS = Array.from({ length: 40 }, (_, n) => `${n} `)

/** A format that tells its end, as all but plain text do. */
const format = {
  ...lines,
  reader() {
    let isComplete = false
    return {
      ...lines.reader(),
      take(frame: string) {
        const [, status] = /^\[(completed|failed|stopped|lost)/.exec(frame) ?? []
        if (status === undefined) return lines.reader().take(frame)
        isComplete = true
        return [{ type: "end", ending: { status: status as "completed" } } as const]
      },
      get isComplete() {
        return isComplete
      },
    }
  },
}

/** A server with runs at /runs/:id; asked to `cut`, it drops the connection after so many ms. */
async function serving(t: TestContext, runs: Runs<string>): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = []
  const url = await serve(t, (req: IncomingMessage, res: ServerResponse) => void answer(req, res))
  async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(req.url ?? "", url)
    const id = pathname.split("/")[2] ?? ""
    asked.push(`${req.method} ${pathname}`)
    if (req.method === "DELETE" || req.method === "HEAD") {
      const answered = await runs.respond(new Request(new URL(req.url ?? "", url), { method: req.method }), id)
      return void res.writeHead(answered.status, Object.fromEntries(answered.headers)).end(await answered.text())
    }
    if (req.method === "POST") await runs.start("42", told)
    const wanted = req.method === "POST" ? "42" : id
    sse(req, res, runs.source(wanted, { location: `/runs/${wanted}` }), { retry: 1 })
    if (searchParams.has("cut")) setTimeout(() => res.destroy(), 30)
  }
  return { url, asked }
}

async function* told(): AsyncGenerator<string> {
  for (const word of WORDS) {
    yield word
    await new Promise((resolve) => setTimeout(resolve, 3))
  }
}

test("a run is requested once, resumed after a cut, and known to be complete", async (t) => {
  await using runs = createRuns({ format, flush: { interval: 1 } })
  const { url, asked } = await serving(t, runs)
  const run = openRun({ url: `${url}/runs?cut`, body: { prompt: "hi" }, format })
  assert.equal(run.status, "connecting")
  let text = ""
  for await (const frame of run.frames) text += frame
  assert.equal(text, WORDS.join("") + "[completed]")
  assert.equal(run.status, "completed")
  assert.equal(run.metrics.resumes, 1)
  assert.equal(run.metrics.counted, "frames")
  assert.deepEqual(asked.slice(0, 2), ["POST /runs", "GET /runs/42"])
})

test("disconnecting stops nothing, and a reloaded page resumes", async (t) => {
  await using runs = createRuns({ format, flush: { interval: 1 } })
  const { url } = await serving(t, runs)
  const run = openRun({ url: `${url}/runs`, method: "POST", format })
  let text = ""
  for await (const frame of run.frames) {
    text += frame
    if (text.length > 20) break
  }
  assert.equal(run.status, "detached")
  assert.equal((await runs.status("42")).status, "running")
  const again = openRun({ url: `${url}/runs/42`, lastEventId: run.lastEventId, format })
  for await (const frame of again.frames) text += frame
  assert.equal(text, WORDS.join("") + "[completed]")
})

test("stop ends the run for all viewers, with its own status", async (t) => {
  await using runs = createRuns({ format, flush: { interval: 1 } })
  const { url, asked } = await serving(t, runs)
  const run = openRun({ url: `${url}/runs`, method: "POST", format })
  let text = ""
  for await (const frame of run.frames) {
    text += frame
    if (text.length > 20 && !asked.includes("DELETE /runs/42")) await run.stop()
  }
  assert.match(text, /^(\d+ )+\[stopped\]$/)
  assert.equal(run.status, "stopped")
  assert.equal((await runs.status("42")).status, "stopped")
})

test("with a format that does not mark its end, the client asks the server", async (t) => {
  await using runs = createRuns({ format: lines, flush: { interval: 1 } })
  const { url, asked } = await serving(t, runs)
  const run = openRun({ url: `${url}/runs`, method: "POST", format: lines })
  for await (const _ of run.frames);
  assert.equal(run.status, "completed")
  assert.ok(asked.includes("HEAD /runs/42"))
})

test("an unknown run is an error at the first frame", async (t) => {
  await using runs = createRuns({ format })
  const { url } = await serving(t, runs)
  const run = openRun({ url: `${url}/runs/7`, format })
  await assert.rejects(run.frames.next(), { code: "bad_status", status: 404 })
  assert.equal(run.status, "failed")
  await assert.rejects(openRun({ url: `${url}/runs/7`, format }).stop(), { code: "bad_status", status: 404 })
})

test("stop works after a disconnect and after the end, before its server responded", async (t) => {
  const asked: string[] = []
  const url = await serve(t, (req, res) => {
    asked.push(`${req.method} ${req.url}`)
    if (req.method !== "GET" || req.url === "/over") res.writeHead(204).end()
  })
  const left = openRun({ url: `${url}/silent`, format })
  const frame = left.frames.next()
  const stopping = left.stop()
  left.detach()
  await stopping
  assert.equal((await frame).done, true)
  const over = openRun({ url: `${url}/over`, format })
  assert.equal((await over.frames.next()).done, true)
  await over.stop()
  assert.ok(asked.includes("DELETE /silent") && asked.includes("DELETE /over"), String(asked))
})

test("an unreachable server is an error with a code, also for stop", async () => {
  const run = openRun({ url: "http://127.0.0.1:9/runs/1", format, retry: false })
  await assert.rejects(run.stop(), { name: "OnwardError", code: "network_error", status: 0 })
})

test("an event that is not a frame is skipped; a stream without any frame is an error with a code", async (t) => {
  const url = await serve(t, (req, res) => {
    res.writeHead(200, { "content-type": "text/event-stream" })
    const blocks = ['"one"', "{cut", '"two"', "", '"[completed]"'].map((data) => `data: ${data}\n\n`)
    res.end(req.url === "/other" ? "data: {cut\n\n".repeat(3) : `event: ping\ndata: \n\n${blocks.join("")}`)
  })
  const run = openRun({ url, format, retry: false })
  const frames: string[] = []
  for await (const frame of run.frames) frames.push(frame)
  assert.deepEqual(frames, ["one", "two", "[completed]"])
  assert.equal(run.status, "completed")

  const left = { url: new URL("/other", url), format, retry: false as const }
  const other = openRun(left)
  await assert.rejects(other.frames.next(), { name: "OnwardError", code: "validation_failed" })
  assert.equal(other.status, "failed")
  assert.equal(other.error?.code, "validation_failed")
})
