import type { Connection, ConnectionOwner } from "../../../src/client/connection.ts"
import { OnwardError } from "../../../src/errors.ts"
import type { Chance } from "../../hub/simulation/chance.ts"
import type { Browser, Tab } from "./browser.ts"

/** A log that keeps its newest entries, of which half are for others; ids are places in it. */
export class Server {
  /** The topic is ours at these places. */
  readonly ours: number[] = []
  end = 0
  first = 0
  readonly open = new Set<SimulatedConnection>()
  readonly #chance: Chance
  readonly #browser: Browser

  constructor(chance: Chance, browser: Browser) {
    this.#chance = chance
    this.#browser = browser
  }

  /** No connection is cut any more. */
  isCalm = false
  /** Whether a connection can get events that no other one gets. They have no id of their own, so no connection resumes with them. */
  hasExtras = false

  publish(percent = 70): void {
    this.end++
    if (this.#chance.percent(percent)) this.ours.push(this.end)
  }

  /** Retention removes all up to the newest few. */
  trim(): void {
    this.first = Math.max(this.first, this.end - this.#chance.below(10))
  }

  connect(tab: Tab, lastEventId: string, owner: ConnectionOwner): Connection {
    return new SimulatedConnection(this, this.#chance, this.#browser, { tab, lastEventId, owner })
  }
}

/** What `createConnection` gives, with the network left out. */
class SimulatedConnection implements Connection {
  lastEventId: string
  readonly reconnectionTime = 0
  readonly tab: Tab
  readonly #server: Server
  readonly #chance: Chance
  readonly #owner: ConnectionOwner
  readonly #browser: Browser
  #isOver = false
  #isBusy = false
  #isOpen = false
  /** Where to read from while there is no id. */
  #start: number | undefined
  #settle!: { resolve(): void; reject(error: unknown): void }

  constructor(
    server: Server,
    chance: Chance,
    browser: Browser,
    { tab, lastEventId, owner }: { tab: Tab; lastEventId: string; owner: ConnectionOwner },
  ) {
    this.#server = server
    this.#chance = chance
    this.tab = tab
    this.lastEventId = lastEventId
    this.#owner = owner
    this.#browser = browser
  }

  run(): Promise<void> {
    this.#server.open.add(this)
    this.#owner.onConnecting?.({ number: 0, lastEventId: this.lastEventId, error: undefined })
    return new Promise((resolve, reject) => (this.#settle = { resolve, reject }))
  }

  /** Something comes, or the connection is cut; as a task of its tab. If its script is stopped, nothing is read any more. */
  advance(): void {
    if (this.#isBusy || this.#isOver) return
    this.#isBusy = true
    this.tab.queue(this, () => {
      if (this.#isOver) return
      if (this.#isOpen && !this.#server.isCalm && this.#chance.percent(3)) this.#cut()
      else this.#read()
    })
  }

  #begin(): void {
    this.#isOpen = true
    this.#owner.onOpen(undefined)
    const { first, end } = this.#server
    if (this.lastEventId === "") this.lastEventId = this.#chance.percent(50) ? "" : String(end)
    this.#start = this.lastEventId === "" ? end : undefined
    if (this.lastEventId !== "" && Number(this.lastEventId) < first) {
      this.#owner.onEvent({ event: "stream.gap", data: `{"reason":"retention"}`, id: this.lastEventId })
      this.#start = first
    }
  }

  #read(): void {
    if (this.#isOpen) this.#take()
    else this.#begin()
    if (this.#isOver) return
    this.#browser.mayStop()
    const room = this.#owner.room?.()
    this.#browser.mayStop()
    if (room) void room.then(() => (this.#isBusy = false))
    else this.#isBusy = false
  }

  #take(): void {
    const from = this.#start ?? Number(this.lastEventId)
    let count = this.#chance.below(6)
    if (this.#server.hasExtras && this.#chance.percent(10))
      this.#owner.onEvent({ event: "extra", data: "", id: this.lastEventId })
    for (const place of this.#server.ours) {
      if (place <= from || this.#isOver || count-- <= 0) continue
      this.#start = undefined
      this.lastEventId = String(place)
      this.#browser.mayStop()
      this.#owner.onEvent({ event: "message", data: String(place), id: this.lastEventId })
    }
    if (this.#isOver) return
    const newest = this.#server.ours.at(-1) ?? 0
    if (this.#chance.percent(10) && Number(this.lastEventId) >= newest && this.lastEventId !== "")
      this.lastEventId = String(this.#server.end)
  }

  #cut(): void {
    this.#isOpen = false
    // only this connection receives it, and it has the id of the event before
    if (this.#chance.percent(30)) this.#owner.onEvent({ event: "stream.error", data: "{}", id: this.lastEventId })
    if (this.#isOver) return
    this.#owner.onReconnecting(new OnwardError("network_error", "cut", { status: 0 }), 0)
    this.#isBusy = false
  }

  close(): void {
    this.#browser.mayStop()
    this.#isOver = true
    this.#server.open.delete(this)
    this.#settle?.resolve()
    this.#browser.mayStop()
  }

  wake(): void {}

  reset(): void {}
}
