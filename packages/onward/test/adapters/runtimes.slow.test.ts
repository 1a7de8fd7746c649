import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { test, type TestContext } from "node:test"
import { runtimeOf } from "../../../../scripts/runtime.ts"
import { http1 } from "./clients.ts"
import type { Exchange } from "./exchange.ts"
import type { Asked } from "./rig.ts"

const PROGRAM = new URL("programs/fetch-server.ts", import.meta.url).pathname

const FLAGS: Readonly<Record<string, readonly string[]>> = {
  bun: ["--conditions=onward-source"],
  deno: ["run", "--allow-all", "--conditions=onward-source"],
}

interface Fate {
  readonly signals: number
  readonly returns: number
  readonly connections: number
}

interface Running {
  ask(asked: Asked): Promise<Exchange>
  publish(data: string): Promise<string>
  fate(holds: (fate: Fate) => boolean): Promise<void>
}

async function serving(t: TestContext, program: string, runtime: string, framework: string): Promise<Running> {
  const args = [...(FLAGS[runtime] ?? []), PROGRAM, framework]
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] })
  t.after(async () => {
    // one that ends in grace would wait for its streams
    child.kill("SIGKILL")
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit")
  })
  let errors = ""
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()))
  const [line] = await Promise.race([once(child.stdout, "data"), once(child, "exit").then(() => [errors])])
  const port = Number(line)
  assert.ok(port > 0, `it did not start: ${errors}`)
  const json = async (path: string, init?: RequestInit): Promise<unknown> =>
    (await fetch(`http://127.0.0.1:${port}${path}`, init)).json()
  return {
    ask: (asked) => http1.ask(port, asked),
    publish: (data) => json("/publish", { method: "POST", body: data }) as Promise<string>,
    async fate(holds) {
      for (let tries = 0; tries < 500; tries++) {
        if (holds((await json("/fate")) as Fate)) return
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      assert.fail(`waited in vain, now it is ${JSON.stringify(await json("/fate"))}`)
    },
  }
}

for (const runtime of ["bun", "deno"]) {
  const program = runtimeOf(runtime)
  const skip = program === undefined && `${runtime} was not fetched: npm run runtimes does that`
  for (const framework of ["web", "hono", "h3"]) {
    const start = (t: TestContext): Promise<Running> => serving(t, program as string, runtime, framework)

    test(
      `${framework} on ${runtime}: everyone gets what is published, and carries on where it was`,
      { skip },
      async (t) => {
        const { ask, publish } = await start(t)
        for (const method of ["GET", "POST"]) {
          const exchange = await ask({ path: "/stream/hub", method, ...(method === "POST" && { body: "{}" }) })
          assert.equal(exchange.status, 200)
          assert.equal(exchange.headers["content-type"], "text/event-stream; charset=utf-8")
          assert.equal(exchange.headers["cache-control"], "no-store, no-transform")
          await exchange.has("id:")
          const first = await publish("first")
          await publish("größe 🦊")
          await exchange.has("🦊")
          assert.deepEqual(exchange.data, ["first", "größe 🦊"])
          const resumed = await ask({ path: "/stream/hub", headers: { "last-event-id": first } })
          await resumed.has("🦊")
          assert.deepEqual(resumed.data, ["größe 🦊"])
        }
      },
    )

    test(
      `${framework} on ${runtime}: a client can leave in every way, and its source ends once`,
      { skip },
      async (t) => {
        const { ask, fate } = await start(t)
        for (const [index, way] of http1.ways.entries()) {
          const hub = await ask({ path: "/stream/hub" })
          const own = await ask({ path: "/stream/own" })
          await hub.has("id:")
          await own.has("tick")
          hub.leaveBy[way]?.()
          own.leaveBy[way]?.()
          await fate((now) => now.connections === 0 && now.signals === index + 1 && now.returns === index + 1)
        }
      },
    )

    test(`${framework} on ${runtime}: errors, HEAD and CORS are what they are on Node`, { skip }, async (t) => {
      const { ask } = await start(t)
      const early = await ask({ path: "/stream/early" })
      assert.equal(early.status, 500)
      assert.equal(await early.over(), "ended")
      const late = await ask({ path: "/stream/late" })
      assert.equal(await late.over(), "ended")
      assert.match(late.text, /data: one\n\nevent: stream\.error\n/)
      for (const { text } of [early, late]) assert.doesNotMatch(text, /hunter2/)
      const head = await ask({ path: "/stream/hub", method: "HEAD" })
      assert.equal(head.status, 200)
      assert.equal(await head.over(), "ended")
      assert.equal(head.text, "")
      const preflight = await ask({
        path: "/stream/hub",
        method: "OPTIONS",
        headers: { origin: "https://app.example", "access-control-request-method": "POST" },
      })
      assert.equal(preflight.headers["access-control-allow-origin"], "https://app.example")
    })
  }
}

for (const framework of ["web", "hono", "h3"]) {
  const program = runtimeOf("bun")
  const skip = program === undefined && "bun was not fetched: npm run runtimes does that"
  test(`${framework} on bun: a silent stream is left open, where Bun closes a silent response`, { skip }, async (t) => {
    const { ask, publish } = await serving(t, program as string, "bun", framework)
    const stream = await ask({ path: "/stream/hub" })
    const plain = await ask({ path: "/silent" })
    await stream.has("id:")
    // Bun looks every few seconds
    assert.equal(await plain.over(), "cut")
    await publish("still there")
    await stream.has("still there")
  })
}
