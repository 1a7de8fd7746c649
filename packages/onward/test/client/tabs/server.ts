import type { Connection, ConnectionOwner } from "../../../src/client/connection.ts"
import { OnwardError } from "../../../src/errors.ts"
import type { Chance } from "../../hub/simulation/chance.ts"
import type { Tab } from "./browser.ts"

/** A log that keeps its newest entries, of which half are for others; ids are places in it. */
export class Server {
  /** The topic is ours at these places. */
  readonly ours: number[] = []
  end = 0
  first = 0
  readonly open = new Set<SimulatedConnection>()
  readonly #chance: Chance

  constructor(chance: Chance) {
    this.#chance = chance
  }

  /** No connection is cut any more. */
  isCalm = false

  publish(percent = 70): void {
    this.end++
    if (this.#chance.percent(percent)) this.ours.push(this.end)
  }

  /** Retention removes all up to the newest few. */
  trim(): void {
    this.first = Math.max(this.first, this.end - this.#chance.below(10))
  }

  connect(tab: Tab, lastEventId: string, owner: ConnectionOwner): Connection {
    return new SimulatedConnection(this, this.#chance, { tab, lastEventId, owner })
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
  #isOver = false
  #isBusy = false
  #isOpen = false
  /** Where to read from while there is no id. */
  #start: number | undefined
  #settle!: { resolve(): void; reject(error: unknown): void }

  constructor(
    server: Server,
    chance: Chance,
    { tab, lastEventId, owner }: { tab: Tab; lastEventId: string; owner: ConnectionOwner },
  ) {
    this.#server = server
    this.#chance = chance
    this.tab = tab
    this.lastEventId = lastEventId
    this.#owner = owner
  }

  run(): Promise<void> {
    this.#server.open.add(this)
    this.#owner.onConnecting?.({ number: 0, lastEventId: this.lastEventId, error: undefined })
    return new Promise((resolve, reject) => (this.#settle = { resolve, reject }))
  }

  /** Something comes, or the connection is cut; as a task of its tab. */
  advance(): void {
    if (this.#isBusy || this.#isOver) return
    this.#isBusy = true
    this.tab.queue(this, () => {
      this.#isBusy = false
      if (this.#isOver) return
      if (!this.#isOpen) this.#begin()
      else if (!this.#server.isCalm && this.#chance.percent(3)) this.#cut()
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
    const from = this.#start ?? Number(this.lastEventId)
    let count = this.#chance.below(6)
    for (const place of this.#server.ours) {
      if (place <= from || this.#isOver || count-- <= 0) continue
      this.#start = undefined
      this.lastEventId = String(place)
      this.#owner.onEvent({ event: "message", data: String(place), id: this.lastEventId })
    }
    if (this.#isOver) return
    const newest = this.#server.ours.at(-1) ?? 0
    if (this.#chance.percent(10) && Number(this.lastEventId) >= newest && this.lastEventId !== "")
      this.lastEventId = String(this.#server.end)
    const room = this.#owner.room?.()
    if (!room) return
    this.#isBusy = true
    void room.then(() => (this.#isBusy = false))
  }

  #cut(): void {
    this.#isOpen = false
    // only this connection receives it, and it has the id of the event before
    if (this.#chance.percent(30)) this.#owner.onEvent({ event: "stream.error", data: "{}", id: this.lastEventId })
    if (this.#isOver) return
    this.#owner.onReconnecting(new OnwardError("network_error", "cut", { status: 0 }), 0)
  }

  close(): void {
    this.#isOver = true
    this.#server.open.delete(this)
    this.#settle?.resolve()
  }

  wake(): void {}

  reset(): void {}
}
