import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer, type IncomingMessage } from "node:http"
import type { AddressInfo } from "node:net"
import { test, type TestContext } from "node:test"
import { createDeadlines } from "../../src/auth/deadlines.ts"
import { createForward } from "../../src/auth/forward.ts"
import type { Principal } from "../../src/auth/principal.ts"
import { createSessions } from "../../src/auth/sessions.ts"

const HOUR = 3_600_000

/** A wall clock that a test sets; timers run by the mocked monotonic time. */
function wallClock(t: TestContext): { now: () => number; pass: (ms: number) => void; set: (by: number) => void } {
  t.mock.timers.enable({ apis: ["setInterval", "setImmediate"] })
  let time = 1_700_000_000_000
  return {
    now: () => time,
    pass(ms) {
      for (let left = ms; left > 0; left -= 250) {
        time += Math.min(left, 250)
        t.mock.timers.tick(Math.min(left, 250))
      }
    },
    set: (by) => void (time += by),
  }
}

test("after the clock was set back, a deadline is met at its time by the new clock", (t) => {
  const clock = wallClock(t)
  const due: string[] = []
  const deadlines = createDeadlines<string>({ onDue: (item) => due.push(item), now: clock.now })
  deadlines.set("far", clock.now() + 2 * HOUR)
  clock.pass(1_000)
  clock.set(-HOUR)
  deadlines.set("at once", clock.now() - 1)
  deadlines.set("soon", clock.now() + 1_000)
  clock.pass(500)
  assert.deepEqual(due, ["at once"])
  clock.pass(1_000)
  deadlines.set("later", clock.now() + 1_000)
  clock.pass(1_500)
  assert.deepEqual(due, ["at once", "soon", "later"])
  clock.pass(3 * HOUR)
  assert.deepEqual(due, ["at once", "soon", "later", "far"])
  deadlines.stop()
})

test("after the clock was set ahead, what is due by it is due at once, each item once", (t) => {
  const clock = wallClock(t)
  const due: string[] = []
  const deadlines = createDeadlines<string>({ onDue: (item) => due.push(item), now: clock.now })
  for (const minutes of [1, 30, 90]) deadlines.set(`${minutes}`, clock.now() + minutes * 60_000)
  clock.set(HOUR)
  clock.pass(250)
  assert.deepEqual(due, ["1", "30"])
  clock.pass(HOUR)
  assert.deepEqual(due, ["1", "30", "90"])
  deadlines.stop()
})

test("a clock that is set back does not delay the question whether a stream may go on", async (t) => {
  const clock = wallClock(t)
  let asked = 0
  const principal = {
    ...{ name: "ada", issuer: "app", userId: "ada", expiresAt: Infinity, issuedAt: 0 },
    grants: { subscribe: { covers: () => true } },
    recheck: {
      at: clock.now() + 60_000,
      async ask() {
        asked++
        return { ...principal, recheck: { ...principal.recheck, at: clock.now() + 60_000 } }
      },
    },
  } as unknown as Principal & { readonly recheck: { readonly at: number; ask(): Promise<Principal> } }
  const sessions = createSessions({ perUser: 10, isRevoked: () => false, now: clock.now })
  const session = sessions.open(principal, ["a"])
  clock.pass(1_000)
  clock.set(-HOUR)
  clock.pass(60_000)
  assert.equal(asked, 1)
  await Promise.resolve()
  clock.pass(61_000)
  assert.equal(asked, 2, "and then as often as before")
  sessions.close(session)
  sessions.stop()
})

test("an answer about a session is remembered as long as configured, however the clock is set", async (t) => {
  let asked = 0
  const server = createServer((_, res) => {
    asked++
    res.end(JSON.stringify({ userId: "ada", subscribe: ["a"] }))
  }).listen(0, "127.0.0.1")
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  let [wall, monotonic] = [1_700_000_000_000, 0]
  const errors: unknown[] = []
  const forward = createForward(
    { url: `http://127.0.0.1:${port}/`, cache: 10_000 },
    { onError: (error) => errors.push(error), now: () => wall, monotonic: () => monotonic },
  )
  const req = { headers: { cookie: "session=1" }, socket: { remoteAddress: "127.0.0.1" } } as unknown as IncomingMessage
  const ask = async (): Promise<unknown> => (await forward.ask(req, () => {}))?.userId
  assert.equal(await ask(), "ada")
  for (const step of [-HOUR, 2 * HOUR]) {
    wall += step
    monotonic += 9_000
    const before = asked
    assert.equal(await ask(), "ada")
    assert.equal(asked, before)
    monotonic += 2_000
    assert.equal(await ask(), "ada")
    assert.equal(asked, before + 1)
  }
  assert.deepEqual(errors, [])
})
