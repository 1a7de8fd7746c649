import assert from "node:assert/strict"
import { test, type TestContext } from "node:test"
import { createInbox } from "../../src/client/inbox.ts"
import { createSharedConnection } from "../../src/client/shared.ts"
import type { ParsedEvent } from "../../src/protocol/index.ts"
import { Chance } from "../hub/simulation/chance.ts"
import { Browser } from "./tabs/browser.ts"
import { Server } from "./tabs/server.ts"

/** A browser whose tabs share a stream; they take what comes, unless they are busy. */
function browse(t: TestContext) {
  const chance = new Chance(1)
  const browser = new Browser(chance)
  t.after(browser.install())
  const server = new Server(chance, browser)
  server.isCalm = true
  const readers: { isBusy: boolean; readonly got: string[]; takeAll(): void }[] = []

  /** Opens a tab, which closes its stream at the event `last`. */
  async function open(last?: string) {
    const tab = browser.open()
    const got: string[] = []
    const inbox = createInbox<ParsedEvent>(({ data }) => got.push(data))
    const reader = {
      isBusy: false,
      got,
      lastEventId: "",
      takeAll() {
        while (inbox.size > 0) void inbox.next()
      },
    }
    readers.push(reader)
    await browser.run(tab, () => {
      const connection = createSharedConnection(
        { maxWaiting: 5 },
        {
          url: "http://simulated/",
          lastEventId: "",
          clock: browser.clockOf(tab),
          owner: {
            onOpen() {},
            onReconnecting() {},
            onEvent(event) {
              inbox.put(event)
              if (event.data !== last) return
              connection.close()
              reader.lastEventId = connection.lastEventId
            },
            room: () => inbox.room(),
          },
          waiting: () => inbox.size,
          make: (id, owner) => server.connect(tab, id, owner),
        },
      )
      void connection.run()
    })
    await goOn()
    return reader
  }

  /** Lets everything happen that can, with a new event for all each second. */
  async function goOn({ seconds = 10, isPublishing = false } = {}): Promise<void> {
    for (let second = 0; second < seconds; second++) {
      if (isPublishing) server.publish(100)
      for (let turn = 0; turn < 5; turn++) {
        for (const connection of server.open) connection.advance()
        while (await browser.step());
        for (const { isBusy, takeAll } of readers) if (!isBusy) takeAll()
      }
      browser.pass(1_000)
    }
  }

  return { server, open, goOn }
}

test("a leading tab that stops reading does not block others, and receives everything when it reads again", async (t) => {
  const { server, open, goOn } = browse(t)
  const leading = await open()
  const other = await open()
  await goOn({ isPublishing: true })
  const before = other.got.length
  leading.isBusy = true
  await goOn({ seconds: 30, isPublishing: true })
  assert.equal(other.got.length, before + 30)
  // who joins now is not held up either
  const late = await open()
  await goOn({ seconds: 10, isPublishing: true })
  assert.equal(late.got.length, 10)
  leading.isBusy = false
  await goOn({ seconds: 10, isPublishing: true })
  assert.deepEqual(leading.got, other.got)
  assert.equal(server.open.size, 1)
})

test("a leading tab that does not read hands over to a tab that joins", async (t) => {
  const { server, open, goOn } = browse(t)
  const leading = await open()
  await goOn({ isPublishing: true })
  leading.isBusy = true
  await goOn({ seconds: 30, isPublishing: true })
  const other = await open()
  await goOn({ seconds: 10, isPublishing: true })
  assert.ok(other.got.length >= 10, `${other.got.length}`)
  leading.isBusy = false
  await goOn({ seconds: 10, isPublishing: true })
  assert.equal(leading.got.at(-1), other.got.at(-1))
  assert.equal(new Set(leading.got).size, leading.got.length)
  assert.equal(server.open.size, 1)
})

for (const role of ["leads", "follows"]) {
  test(`a tab that ${role} and closes its stream at an event can resume after that event`, async (t) => {
    for (let last = 1; last <= 5; last++) {
      const { server, open, goOn } = browse(t)
      if (role === "follows") await open()
      const closing = await open(`${last}`)
      for (let i = 0; i < 10; i++) server.publish(100)
      await goOn()
      assert.equal(closing.got.at(-1), `${last}`)
      assert.equal(closing.lastEventId, `${last}`)
    }
  })
}
