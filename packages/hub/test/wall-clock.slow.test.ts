import assert from "node:assert/strict"
import { fork } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { test, type TestContext } from "node:test"
import { fileURLToPath } from "node:url"
import { createSettableClock, missing } from "./faketime.ts"
import { serveOnward } from "./onward.ts"
import { publish } from "./server.ts"
import { temporaryFolder } from "./temporary-folder.ts"

const HOUR = 3_600

/** A stream as raw text. */
interface Open {
  readonly text: () => string
  readonly isClosed: () => boolean
  /** Resolves with the next chunk, or the end. */
  readonly next: () => Promise<void>
}

async function open(t: TestContext, url: string): Promise<Open> {
  const leaving = new AbortController()
  t.after(() => leaving.abort())
  const response = await fetch(url, { signal: leaving.signal })
  assert.equal(response.status, 200)
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  const decoder = new TextDecoder()
  let text = ""
  let isClosed = false
  return {
    text: () => text,
    isClosed: () => isClosed,
    async next() {
      const { done, value } = await reader.read()
      if (done) isClosed = true
      else text += decoder.decode(value, { stream: true })
    },
  }
}

const heartbeats = ({ text }: Open): number =>
  text()
    .split("\n")
    .filter((line) => line === ": ").length

/** Reads until there were `count` heartbeats more. */
async function beat(stream: Open, count: number): Promise<void> {
  const wanted = heartbeats(stream) + count
  while (!stream.isClosed() && heartbeats(stream) < wanted) await stream.next()
  assert.equal(stream.isClosed(), false, "the stream is open")
}

async function readTo(stream: Open, text: string): Promise<void> {
  while (!stream.isClosed() && !stream.text().includes(text)) await stream.next()
  assert.equal(stream.isClosed(), false, "the stream is open")
}

async function startAgingHub(t: TestContext, env: NodeJS.ProcessEnv) {
  const program = fileURLToPath(new URL("aging-hub.ts", import.meta.url))
  const child = fork(program, {
    execArgv: ["--conditions=onward-source"],
    silent: true,
    env: { ...process.env, ...env },
  })
  const ended = once(child, "close")
  t.after(async () => {
    child.kill("SIGKILL")
    await ended
  })
  const [port] = (await once(child.stdout as NodeJS.ReadableStream, "data")) as [Buffer]
  return { url: `http://127.0.0.1:${String(port).trim()}` }
}

const options = { skip: missing, timeout: 300_000 }

test("onward serve continues when its wall clock is set back 10 minutes or ahead a day", options, async (t) => {
  const folder = temporaryFolder(t)
  const clock = createSettableClock(folder)
  const hub = await serveOnward(t, { data: join(folder, "data"), env: clock.env })
  const stream = await open(t, `${hub.url}/events?topic=a`)
  await publish(hub.url, { topic: "a", data: "before" })
  for (const ahead of [-600, 24 * HOUR]) {
    clock.set(ahead)
    await beat(stream, 1)
    await publish(hub.url, { topic: "a", data: `at ${ahead}` })
    await readTo(stream, `data: at ${ahead}\n`)
  }
  const again = await open(t, `${hub.url}/events?topic=a&last_event_id=earliest`)
  await readTo(again, "data: at 86400\n")
  assert.match(again.text(), /data: before\n[^]*data: at -600\n/)
})

test(
  "no stream of a hub with a maxAge of an hour ends when the wall clock is set an hour ahead",
  options,
  async (t) => {
    const clock = createSettableClock(temporaryFolder(t))
    const hub = await startAgingHub(t, clock.env)
    const streams: Open[] = []
    for (let i = 0; i < 50; i++) streams.push(await open(t, hub.url))
    await fetch(hub.url, { method: "POST" })
    for (const ahead of [HOUR, 24 * HOUR, -600]) {
      clock.set(ahead)
      const seen = Number(await (await fetch(`${hub.url}/time`)).text())
      assert.ok(Math.abs(seen - Date.now() - ahead * 1_000) < HOUR * 500, `its wall clock is ${ahead} s ahead`)
      await Promise.all(streams.map((stream) => beat(stream, 3)))
    }
    const late = await open(t, `${hub.url}/?last_event_id=earliest`)
    await readTo(late, "data: kept\n")
    assert.doesNotMatch(late.text(), /stream\.gap/, "what is not an hour old is kept")
  },
)
