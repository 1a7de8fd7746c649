import { createInbox } from "../../../src/client/inbox.ts"
import { createSharedConnection } from "../../../src/client/shared.ts"
import type { ParsedEvent } from "../../../src/protocol/index.ts"
import { Chance } from "../../hub/simulation/chance.ts"
import { Browser, type Tab } from "./browser.ts"
import { Server } from "./server.ts"

export interface Outcome {
  readonly received: number
  readonly leaders: number
  readonly gaps: number
  readonly failure?: string
}

interface Reader {
  readonly tab: Tab
  readonly got: ParsedEvent[]
  readonly takeAll: () => void
  readonly take: () => void
  readonly close: () => void
  error?: Error
}

const STEPS = 400
const TABS = 5

/** One random life of a browser whose tabs share a stream; says what a tab missed, got twice or out of order. */
export async function simulate(seed: number): Promise<Outcome> {
  const chance = new Chance(seed)
  const browser = new Browser(chance)
  const server = new Server(chance, browser)
  server.hasExtras = chance.percent(50)
  const uninstall = browser.install()
  const readers: Reader[] = []
  const replay = chance.pick([0, 3])
  const leaders = new Set<Tab>()

  async function open(): Promise<void> {
    const tab = browser.open()
    // most take what comes, some carry on from where another is or was
    const lastEventId = chance.percent(70) ? "" : (chance.pick(readers)?.got.at(-1)?.id ?? "")
    await browser.run(tab, () => readers.push(read(tab, lastEventId)))
  }

  function read(tab: Tab, lastEventId: string): Reader {
    const got: ParsedEvent[] = []
    // events that an ending tab still receives are not shown, so they do not count
    const inbox = createInbox<ParsedEvent>((event) => tab.isEnding || got.push(event))
    const connection = createSharedConnection(
      { replay, maxWaiting: 5 },
      {
        url: "http://simulated/",
        lastEventId,
        clock: browser.clockOf(tab),
        owner: {
          onOpen() {},
          onReconnecting() {},
          onEvent(event) {
            browser.mayStop()
            inbox.put(event)
            browser.mayStop()
          },
          room: () => inbox.room(),
        },
        waiting: () => inbox.size,
        make: (id, owner) => server.connect(tab, id, owner),
      },
    )
    const reader: Reader = {
      tab,
      got,
      take: () => void (inbox.size > 0 && inbox.next()),
      takeAll() {
        while (inbox.size > 0) void inbox.next()
      },
      close: () => connection.close(),
    }
    connection.run().then(
      () => connection.close(),
      (error: Error) => (reader.error = error),
    )
    return reader
  }

  async function act(): Promise<void> {
    const tab = chance.pick(browser.living)
    const dice = chance.below(1000)
    if (dice < 200) server.publish()
    else if (dice < 620) await browser.step()
    else if (dice < 760) advance()
    else if (dice < 900) {
      const reader = chance.pick(readers)
      if (!reader.tab.isDead && !reader.tab.isFrozen) await browser.run(reader.tab, reader.take)
    } else if (dice < 940) browser.pass(chance.below(3_000))
    else if (dice < 960 && browser.living.length < TABS) await open()
    else if (dice < 970 && tab) end(tab)
    else if (dice < 982 && tab) tab.isFrozen = true
    else if (dice < 995 && tab) tab.isFrozen = false
    else if (dice < 998) server.trim()
  }

  function advance(): void {
    const connection = chance.pick([...server.open].filter(({ tab }) => !tab.isFrozen))
    connection?.advance()
  }

  /** Crashes a tab, or closes it, which first runs its scripts. */
  function end(tab: Tab): void {
    if (!tab.isEnding && browser.living.filter(({ isEnding }) => !isEnding).length === 1) return
    if (tab.isEnding || chance.percent(30)) return kill(tab)
    tab.isEnding = true
    const close = readers.find((reader) => reader.tab === tab)?.close
    if (close) tab.queue("pagehide", close)
  }

  function kill(tab: Tab): void {
    browser.kill(tab)
    for (const connection of server.open) if (connection.tab === tab) server.open.delete(connection)
  }

  /** Everything goes on until nothing is left to do. */
  async function settle(): Promise<void> {
    server.isCalm = true
    for (const tab of browser.living) if (tab.isEnding) kill(tab)
    for (const tab of browser.living) tab.isFrozen = false
    for (let round = 0; round < 90; round++) {
      if (round % 6 === 0 && round < 40) server.publish(100)
      for (const connection of server.open) connection.advance()
      for (const { tab, takeAll } of readers) if (!tab.isDead) await browser.run(tab, takeAll)
      while (await browser.step());
      browser.pass(1_000)
    }
  }

  try {
    await open()
    for (let step = 0; step < STEPS; step++) {
      await act()
      for (const { tab } of server.open) leaders.add(tab)
    }
    await settle()
    const failure = check(server, readers)
    const gaps = readers.flatMap(({ got }) => got.filter(({ event }) => event === "stream.gap")).length
    const received = readers.reduce((sum, { got }) => sum + got.length, 0)
    return { received, leaders: leaders.size, gaps, ...(failure && { failure }) }
  } finally {
    uninstall()
  }
}

function check(server: Server, readers: readonly Reader[]): string | undefined {
  for (const { tab, got, error } of readers) {
    if (error !== undefined && !tab.isEnding) return `${tab.name} failed: ${error.message}`
    let before: number | undefined
    let isGap = false
    for (const { event, id, data } of got) {
      if (event === "stream.error" || event === "extra") continue
      if (event === "stream.gap") {
        isGap = true
        continue
      }
      const place = Number(data)
      if (before !== undefined && place <= before) return `${tab.name} got ${place} after ${before} (${id})`
      const missed = server.ours.find((each) => before !== undefined && each > before && each < place)
      if (missed !== undefined && !isGap) return `${tab.name} never got ${missed}, between ${before} and ${place}`
      before = place
      isGap = false
    }
    if (!tab.isDead && before !== server.ours.at(-1)) return `${tab.name} ended at ${before}, not ${server.ours.at(-1)}`
  }
  if (server.open.size !== 1) return `${server.open.size} connections are left, of ${readers.length} tabs`
  return undefined
}
