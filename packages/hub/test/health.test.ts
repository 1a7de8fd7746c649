import assert from "node:assert/strict"
import { test } from "node:test"
import { memoryLog, type Hub, type Log } from "onward"
import { healthRoutes, type HealthOptions } from "../src/health.ts"

/** The status and the body of a health check. */
async function check(path: string, options: Partial<HealthOptions> = {}): Promise<[status: number, body: object]> {
  const hub = { stats: () => ({ connections: 2, live: 1 }) } as unknown as Hub
  const routes = new Map(healthRoutes({ hub, log: memoryLog(), isDraining: () => false, hasNumbers: true, ...options }))
  let [status, text] = [0, ""]
  const res = {
    writeHead(code: number) {
      status = code
      return res
    },
    end: (body: string) => void (text = body),
  }
  await routes.get(path)?.answer({} as never, res as never, new URL("http://hub/"), undefined)
  return [status, JSON.parse(text) as object]
}

const away = { bounds: () => Promise.reject(new Error("away")) } as unknown as Log

test("a process is ready while its log answers and it does not close, and alive in any case", async () => {
  assert.deepEqual(await check("/readyz"), [200, { status: "ok" }])
  assert.deepEqual(await check("/readyz", { log: away }), [503, { status: "log_unavailable" }])
  assert.deepEqual(await check("/readyz", { isDraining: () => true }), [503, { status: "draining" }])
  assert.deepEqual(await check("/livez", { log: away, isDraining: () => true }), [200, { status: "ok" }])
})

test("operators see the numbers of all workers, and other callers none", async () => {
  const uptime = Math.floor(process.uptime())
  const [status, own] = await check("/healthz")
  assert.deepEqual([status, { ...own, uptime }], [200, { status: "ok", connections: 2, live: 1, uptime }])
  assert.ok((own as { uptime: number }).uptime - uptime <= 1)
  assert.deepEqual(await check("/healthz", { hasNumbers: false }), [200, { status: "ok" }])
  const others = [
    { connections: 1, live: 2, uptime: 3 },
    { connections: 10, live: 20, uptime: 1 },
  ]
  const answers: string[] = []
  const peers = { answer: (name: string) => answers.push(name), askAll: async () => others } as never
  assert.deepEqual((await check("/healthz", { peers }))[1], { status: "ok", connections: 11, live: 22, uptime: 3 })
  assert.deepEqual(answers, ["health"])
  await check("/readyz", { peers, hasNumbers: false })
  assert.equal(answers.length, 1)
})
