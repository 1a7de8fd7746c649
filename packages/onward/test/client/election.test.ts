import assert from "node:assert/strict"
import { test, type TestContext } from "node:test"
import { setImmediate as nextTurn } from "node:timers/promises"
import { createElection } from "../../src/client/election.ts"

type Ask = LockManager["request"]

/** Tabs whose requests for locks a browser answers as `request` does. */
function browser(t: TestContext, request: (options: LockOptions, granted: () => unknown) => Promise<unknown>): void {
  const own = Object.getOwnPropertyDescriptor(globalThis, "navigator")
  const ask = ((_: string, options: LockOptions, granted: () => unknown) => request(options, granted)) as Ask
  Object.defineProperty(globalThis, "navigator", { configurable: true, value: { locks: { request: ask } } })
  t.after(() => own && Object.defineProperty(globalThis, "navigator", own))
}

const refused = (): Promise<never> => Promise.reject(new DOMException("refused", "InvalidStateError"))

test("a tab whose browser refuses to take the lock from its holder does not lead, and waits for the lock", async (t) => {
  let grant = (): unknown => undefined
  browser(t, ({ steal }, granted) => (steal ? refused() : new Promise(() => (grant = granted))))
  let elected = 0
  const election = createElection(
    "tabs",
    () => elected++,
    () => assert.fail("it was deposed"),
  )
  election.stand(true)
  await nextTurn()
  assert.equal(elected, 0)
  void grant()
  assert.equal(elected, 1)
  election.withdraw()
})

test("a page that may not use locks leads itself, also when it is to take the lock", async (t) => {
  browser(t, refused)
  let elected = 0
  const election = createElection("tabs", () => elected++, assert.fail)
  election.stand()
  await nextTurn()
  assert.equal(elected, 1)
  election.stand(true)
  await nextTurn()
  assert.equal(elected, 2)
})

test("a tab that has withdrawn is neither elected nor waits again, however its request ends", async (t) => {
  let reject = (_: Error): void => {}
  let asked = 0
  browser(t, () => {
    asked++
    return new Promise((_, no) => (reject = no))
  })
  const election = createElection("tabs", assert.fail, assert.fail)
  election.stand(true)
  election.withdraw()
  reject(new DOMException("aborted", "AbortError"))
  await nextTurn()
  assert.equal(asked, 1)
})
