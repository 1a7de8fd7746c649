import assert from "node:assert/strict"
import { join } from "node:path"
import { test } from "node:test"
import { setTimeout as sleep } from "node:timers/promises"
import { stream } from "onward/client"
import { leaveThroughVite } from "./dev-server.ts"
import { buildFramework, fetchFramework } from "./framework.ts"
import { reservePort } from "../../packages/onward/test/reserve-port.ts"
import { fetchSoon, Running, running } from "./running.ts"

const NEXT = "node_modules/next/dist/bin/next"

/** How each is built, and what then serves it on a port. */
const frameworks = {
  "16-next": {
    build: { route: "app/own/route.js", cli: NEXT, args: ["build"] },
    start: (folder: string, port: string) =>
      new Running(join(folder, NEXT), { NEXT_TELEMETRY_DISABLED: "1", NODE_ENV: "production" }, [
        "start",
        folder,
        "--hostname=127.0.0.1",
        `--port=${port}`,
      ]),
  },
  "17-sveltekit": {
    build: { route: "src/routes/own/+server.js", cli: "node_modules/vite/bin/vite.js", args: ["build"] },
    start: (folder: string, port: string) =>
      new Running(join(folder, "build/index.js"), { HOST: "127.0.0.1", PORT: port }),
  },
}

for (const [example, { build, start }] of Object.entries(frameworks)) {
  test(`${example}: our client is kept up to date, resumes, and when it leaves, a source ends once`, async (t) => {
    const folder = await fetchFramework(example).catch((error: unknown) => t.skip(`it was not fetched: ${error}`))
    if (folder === undefined) return
    await buildFramework(example, folder, build)
    const port = await reservePort()
    const origin = `http://127.0.0.1:${port}`

    const publish = async (data: string): Promise<string> => {
      const headers = { "content-type": "application/json" }
      const response = await fetchSoon(`${origin}/events`, { method: "POST", headers, body: JSON.stringify(data) })
      return ((await response.json()) as { id: string }).id
    }

    await running(start(folder, String(port)), async () => {
      let lastEventId = await publish("first")
      for (const data of ["missed", "missed again"]) {
        await publish(data)
        const events = stream(`${origin}/events`, { lastEventId })
        assert.equal((await events.next()).value?.data, data)
        await publish("live")
        assert.equal((await events.next()).value?.data, "live")
        ;({ lastEventId } = events)
        events.close()
      }

      for (const count of [1, 2]) {
        const own = stream(`${origin}/own`)
        assert.equal((await own.next()).value?.data, "tick")
        own.close()
        let fate: unknown
        for (let tries = 0; tries < 500; tries++) {
          fate = await (await fetch(`${origin}/own?fate`)).json()
          if ((fate as { returns: number }).returns >= count) break
          await sleep(10)
        }
        assert.deepEqual(fate, { signals: count, returns: count })
      }
    })
  })
}

// here, because a file of its own would fetch Vite once more
test("with the configuration of docs/production.md, Vite's proxy tells each side that the other has gone", async (t) => {
  const folder = await fetchFramework("17-sveltekit").catch((error: unknown) => t.skip(`it was not fetched: ${error}`))
  if (folder !== undefined) await leaveThroughVite(t, folder)
})
