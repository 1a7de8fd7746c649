import assert from "node:assert/strict"
import { test, type TestContext } from "node:test"
import type { Connection, ConnectionOwner } from "../../src/client/connection.ts"
import { fault } from "../../src/client/request.ts"
import { createSharedConnection, type SharedOptions } from "../../src/client/shared.ts"
import { Chance } from "../hub/simulation/chance.ts"
import { Browser, type Tab } from "./tabs/browser.ts"
import { simulate } from "./tabs/simulation.ts"

/** A connection to the server that one of the tabs opened. */
interface Opened {
  readonly tab: Tab
  readonly after: string
  readonly owner: ConnectionOwner
  lastEventId: string
  readonly woken: (boolean | undefined)[]
  isClosed: boolean
  settle: { resolve(): void; reject(error: unknown): void }
}

/** Tabs whose server is the test: it says what each connection receives. */
function browse(t: TestContext) {
  const browser = new Browser(new Chance(1))
  t.after(browser.install())
  const opened: Opened[] = []

  function make(tab: Tab, after: string, owner: ConnectionOwner): Connection {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const each: Opened = {
      tab,
      after,
      owner,
      lastEventId: after,
      woken: [],
      isClosed: false,
      settle: { resolve, reject },
    }
    opened.push(each)
    return {
      run: () => promise,
      close: () => void (each.isClosed = true),
      wake: (isLost) => void each.woken.push(isLost),
      reset() {},
      get lastEventId() {
        return each.lastEventId
      },
      reconnectionTime: 0,
    }
  }

  async function settle(): Promise<void> {
    while (await browser.step());
  }

  async function open(options: SharedOptions & { lastEventId?: string } = {}) {
    const tab = browser.open()
    const calls: string[] = []
    const seen = { calls, waiting: 0, ending: undefined as unknown }
    const { lastEventId = "", ...shared } = options
    let connection!: Connection
    await browser.run(tab, () => {
      connection = createSharedConnection(shared, {
        url: "http://simulated/",
        lastEventId,
        clock: browser.clockOf(tab),
        owner: {
          onConnecting: (attempt) => void calls.push(`connecting ${attempt.number} ${attempt.lastEventId}`),
          onOpen: () => void calls.push("open"),
          onReconnecting: ({ code, status, message }, delay) =>
            void calls.push(`${code} ${status} ${message} ${delay}`),
          onEvent: ({ data }) => void calls.push(data),
        },
        waiting: () => seen.waiting,
        make: (after, owner) => make(tab, after, owner),
      })
      connection.run().then(
        () => (seen.ending = "end"),
        (error: unknown) => (seen.ending = error),
      )
    })
    await settle()
    return {
      tab,
      connection,
      calls,
      /** What was called since the last look. */
      look: () => calls.splice(0),
      wait: (count: number) => void (seen.waiting = count),
      ending: () => seen.ending,
      do: async (code: () => void) => {
        await browser.run(tab, code)
        await settle()
      },
    }
  }

  /** Lets a connection receive events, whose data is their id unless it is given. */
  async function receive(to: Opened, ...events: (string | { event: string; id: string })[]): Promise<void> {
    await browser.run(to.tab, () => {
      for (const each of events) {
        const { event, id } = typeof each === "string" ? { event: "message", id: each } : each
        to.lastEventId = id
        to.owner.onEvent({ event, data: event === "message" ? id : event, id })
        if (to.isClosed) return
      }
      void to.owner.room?.()
    })
    await settle()
  }

  async function pass(ms: number): Promise<void> {
    browser.pass(ms)
    await settle()
  }

  return { browser, opened, open, receive, pass, settle, last: () => opened.at(-1) as Opened }
}

test("one tab connects, and the others receive its events, each once and in order", async (t) => {
  const { opened, open, receive } = browse(t)
  const first = await open()
  const second = await open()
  assert.deepEqual([opened.length, opened[0]?.after], [1, ""])
  await receive(opened[0]!, "1", "2")
  await receive(opened[0]!)
  await receive(opened[0]!, "3")
  for (const { look, connection } of [first, second])
    assert.deepEqual([look().filter((call) => /^\d$/.test(call)), connection.lastEventId], [["1", "2", "3"], "3"])
  opened[0]!.lastEventId = "9"
  await receive(opened[0]!)
  assert.equal(second.connection.lastEventId, "9", "a checkpoint moves the id of all")
  assert.deepEqual(second.look(), [])
})

test("all tabs are told the state of the connection, also those that join later", async (t) => {
  const { last, open } = browse(t)
  const first = await open()
  const second = await open()
  const { owner } = last()
  await first.do(() => owner.onConnecting?.({ number: 3, lastEventId: "", error: undefined }))
  assert.deepEqual([first.look(), second.look().at(-1)], [["connecting 3 "], "connecting 0 "])
  await first.do(() => owner.onOpen(undefined))
  assert.deepEqual([first.look(), second.look()], [["open"], ["open"]])
  assert.equal((await open()).look().at(-1), "open")
  await first.do(() => owner.onReconnecting(fault("bad_status", "Not now.", 503), 70))
  for (const { look } of [first, second, await open()]) assert.equal(look().at(-1), "bad_status 503 Not now. 70")
  assert.equal(second.ending(), undefined)
})

test("the end of the connection, and an error that ends it, are those of all tabs", async (t) => {
  const ended = browse(t)
  const tabs = [await ended.open(), await ended.open()]
  await tabs[0]!.do(() => ended.last().settle.resolve())
  assert.deepEqual([tabs[0]!.ending(), tabs[1]!.ending(), (await ended.open()).ending()], ["end", "end", "end"])
  const failed = browse(t)
  const others = [await failed.open(), await failed.open()]
  await others[0]!.do(() => failed.last().settle.reject(fault("bad_status", "Gone.", 410)))
  for (const { ending } of others) {
    const { code, message, status } = ending() as Record<string, unknown>
    assert.deepEqual([code, message, status], ["bad_status", "Gone.", 410])
  }
})

test("an error of a tab's own program is thrown there, and ends no other", async (t) => {
  const { last, open } = browse(t)
  const [first, second] = [await open(), await open()]
  const own = new Error("own")
  await first.do(() => last().settle.reject(own))
  assert.deepEqual([first.ending(), second.ending()], [own, undefined])
})

test("a tab that joins receives as many of the newest events as it asks for", async (t) => {
  const { last, open, receive } = browse(t)
  await open({ replay: 3 })
  await receive(last(), "1", "2", "3", "4")
  const data = async (replay?: number) =>
    (await open(replay === undefined ? {} : { replay })).look().filter((call) => /^\d$/.test(call))
  assert.deepEqual([await data(2), await data(), await data(9)], [["3", "4"], [], ["2", "3", "4"]])
})

test("a tab with an id of its own follows at that id, and reads alone until then", async (t) => {
  const { opened, last, open, receive } = browse(t)
  await open()
  await receive(last(), "1", "2")
  const same = await open({ lastEventId: "2", replay: 5 })
  assert.deepEqual([opened.length, same.look().filter((call) => /^\d$/.test(call))], [1, []])
  const behind = await open({ lastEventId: "0" })
  assert.deepEqual([opened.length, last().after], [2, "0"])
  const alone = last()
  await receive(alone, "1")
  assert.equal(alone.isClosed, false)
  await receive(opened[0]!, "3")
  await receive(alone, "2", "3")
  assert.equal(alone.isClosed, true)
  await receive(opened[0]!, "4")
  for (const [tab, expected] of [
    [same, ["3", "4"]],
    [behind, ["1", "2", "3", "4"]],
  ] as const)
    assert.deepEqual(
      tab.look().filter((call) => /^\d$/.test(call)),
      expected,
    )
  assert.equal(opened.length, 2)
})

test("a tab that read further than the others waits for them, and gets nothing twice", async (t) => {
  const { opened, last, open, receive } = browse(t)
  await open()
  await receive(last(), "1", "2")
  const ahead = await open({ lastEventId: "1" })
  const alone = last()
  alone.lastEventId = "5"
  // it reads past the leader in one chunk, and then hears of a place that it has passed
  await ahead.do(() => {
    for (const id of ["3", "4", "5"]) alone.owner.onEvent({ event: "message", data: id, id })
  })
  await receive(opened[0]!, "3", "4")
  assert.equal(alone.isClosed, true)
  assert.equal(ahead.connection.lastEventId, "5")
  await receive(opened[0]!, "5", "6")
  assert.deepEqual(
    ahead.look().filter((call) => /^\d$/.test(call)),
    ["3", "4", "5", "6"],
  )
})

test("when the tab that connects closes, another continues after the last event", async (t) => {
  const { opened, last, open, receive } = browse(t)
  const first = await open()
  const others = [await open(), await open()]
  await receive(last(), "1", "2")
  await first.do(() => first.connection.close())
  await first.do(() => first.connection.close())
  assert.deepEqual([opened[0]?.isClosed, first.ending(), first.connection.lastEventId], [true, "end", "2"])
  assert.deepEqual([opened.length, last().after], [2, "2"])
  await receive(last(), "3")
  for (const { look, connection } of others)
    assert.deepEqual([look().filter((call) => /^\d$/.test(call)), connection.lastEventId], [["1", "2", "3"], "3"])
  assert.deepEqual(
    first.look().filter((call) => /^\d$/.test(call)),
    ["1", "2"],
  )
})

test("a loss reaches all tabs, and an error of the source only the tab that connects", async (t) => {
  const { last, open, receive, opened } = browse(t)
  const [first, second] = [await open(), await open()]
  await receive(last(), "1", { event: "stream.gap", id: "1" }, "5", { event: "stream.error", id: "5" }, "6")
  const events = (calls: string[]) => calls.filter((call) => /^\d$|^stream/.test(call))
  assert.deepEqual(events(first.look()), ["1", "stream.gap", "5", "stream.error", "6"])
  assert.deepEqual(events(second.look()), ["1", "stream.gap", "5", "6"])
  assert.equal(opened.length, 1)
})

test("a visible tab asks each ten seconds, and replaces a tab that does not answer within two", async (t) => {
  const { browser, opened, open, receive, pass, last } = browse(t)
  const first = await open()
  const second = await open()
  await receive(last(), "1")
  await pass(10_000)
  await pass(2_000)
  assert.equal(opened.length, 1, "it answered")
  first.tab.isFrozen = true
  await pass(8_000)
  await pass(1_999)
  assert.equal(opened.length, 1)
  await pass(1)
  assert.deepEqual([opened.length, last().after, last().tab], [2, "1", second.tab])
  first.tab.isFrozen = false
  browser.pass(0)
  await receive(last(), "2")
  assert.equal(opened[0]?.isClosed, true)
  assert.deepEqual(
    first.look().filter((call) => /^\d$/.test(call)),
    ["1", "2"],
  )
  assert.equal(opened.length, 2)
})

test("a hidden tab does not ask, unless it has not joined", async (t) => {
  const { opened, open, pass } = browse(t)
  const document = { hidden: false }
  Object.assign(globalThis, { document })
  t.after(() => Reflect.deleteProperty(globalThis, "document"))
  const first = await open()
  await open()
  document.hidden = true
  first.tab.isFrozen = true
  await pass(10_000)
  await pass(2_000)
  assert.equal(opened.length, 1)
  await open()
  await pass(2_000)
  assert.equal(opened.length, 2)
})

test("a tab wakes its own connection, or asks for the one it follows", async (t) => {
  const { opened, open, pass, last } = browse(t)
  const first = await open()
  const second = await open()
  first.connection.wake(true)
  assert.deepEqual(last().woken, [true])
  first.tab.isFrozen = true
  await second.do(() => second.connection.wake(true))
  await pass(2_000)
  assert.deepEqual([opened.length, last().tab], [2, second.tab])
})

test("a tab with too many events waiting lets another connect, and one that follows reads alone", async (t) => {
  const { opened, open, receive, last } = browse(t)
  const first = await open({ maxWaiting: 3 })
  const second = await open({ maxWaiting: 3 })
  await receive(last(), "1")
  first.wait(2)
  await receive(opened[0]!, "2")
  assert.equal(opened.length, 1)
  first.wait(3)
  await receive(opened[0]!)
  assert.deepEqual([opened.length, last().after, last().tab], [2, "2", second.tab])
  const leading = last()
  first.wait(0)
  await receive(leading, "4")
  const third = await open({ maxWaiting: 3 })
  third.wait(3)
  await receive(leading, "5")
  assert.equal(opened.length, 2)
  third.wait(4)
  await receive(leading, "6")
  assert.deepEqual([opened.length, last().after, last().tab], [3, "6", third.tab])
})

test("tabs share by their channel, which is the URL by default", async (t) => {
  const { opened, open } = browse(t)
  await open({ channel: "a" })
  await open({ channel: "http://simulated/" })
  await open()
  // the locks of this browser have no names: only the first is granted
  assert.equal(opened.length, 1)
})

test("in 40 simulated browsers no tab loses, repeats or reorders an event", async () => {
  for (let seed = 1; seed <= 40; seed++) assert.equal((await simulate(seed)).failure, undefined, `seed ${seed}`)
})
