import { setImmediate as turn } from "node:timers/promises"
import type { Clock } from "../../../src/clock.ts"
import type { Chance } from "../../hub/simulation/chance.ts"

type Task = () => void

/** Thrown where a script is stopped. */
const STOPPED = new Error("The script was stopped.")

/** A tab: whatever reaches it waits in line, by where it came from, until the tab gets to run. */
export class Tab {
  readonly name: string
  readonly lines = new Map<unknown, Task[]>()
  readonly channels = new Set<Channel>()
  readonly timers = new Set<{ readonly at: number; readonly run: Task }>()
  isFrozen = false
  /**
   * It is closed, and so is its process. Firefox then stops the script that is running, at any place, but still runs later ones
   * (`dom.abort_script_on_child_shutdown`).
   */
  isEnding = false
  isDead = false

  constructor(name: string) {
    this.name = name
  }

  queue(source: unknown, task: Task): void {
    if (this.isDead) return
    const line = this.lines.get(source)
    if (line) line.push(task)
    else this.lines.set(source, [task])
  }
}

interface Request {
  readonly tab: Tab
  readonly grant: () => unknown
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

/**
 * A browser with tabs, as far as sharing a connection touches it: Web Locks and BroadcastChannel, tabs that are frozen, closed or
 * crash, timers that do not run meanwhile. One thing happens at a time, chosen by chance.
 */
export class Browser {
  readonly tabs: Tab[] = []
  now = 1_700_000_000_000
  readonly #chance: Chance
  #current: Tab | undefined
  #holder: Request | undefined
  #waiting: Request[] = []
  #names = 0
  #canStop = false

  constructor(chance: Chance) {
    this.#chance = chance
  }

  get living(): Tab[] {
    return this.tabs.filter((tab) => !tab.isDead)
  }

  /** Runs code as a script of `tab`, and all that follows at once. */
  async run(tab: Tab, code: Task): Promise<void> {
    this.#current = tab
    this.#canStop = tab.isEnding
    try {
      code()
    } catch (error) {
      if (error !== STOPPED) throw error
    }
    this.#canStop = false
    await turn()
    this.#current = undefined
  }

  /** A place where the script of a tab that ends can be stopped. */
  mayStop(): void {
    if (!this.#canStop || !this.#chance.percent(20)) return
    this.#canStop = false
    throw STOPPED
  }

  get #tab(): Tab {
    if (!this.#current) throw new Error("no tab is running")
    return this.#current
  }

  open(): Tab {
    const tab = new Tab(`tab ${++this.#names}`)
    this.tabs.push(tab)
    return tab
  }

  /** Crashes or closes a tab: of what it said last, each of the others may have heard another part. */
  kill(tab: Tab): void {
    tab.isDead = true
    tab.lines.clear()
    tab.timers.clear()
    for (const other of this.living) {
      for (const channel of tab.channels) {
        const heard = other.lines.get(channel)
        heard?.splice(this.#chance.below(heard.length + 1))
      }
    }
    for (const channel of tab.channels) channel.close()
    this.#waiting = this.#waiting.filter((request) => request.tab !== tab)
    if (this.#holder?.tab === tab) this.#release()
  }

  /** One thing that is due happens; false when there is none. */
  async step(): Promise<boolean> {
    const due = this.living
      .filter((tab) => !tab.isFrozen)
      .flatMap((tab) => [...tab.lines.values()].filter((line) => line.length > 0).map((line) => ({ tab, line })))
    if (due.length === 0) return false
    const { tab, line } = this.#chance.pick(due)
    const task = line.shift()
    if (task) await this.run(tab, task)
    return true
  }

  /** Time passes; a frozen tab's timers come when it thaws. */
  pass(ms: number): void {
    this.now += ms
    for (const tab of this.living) {
      if (tab.isFrozen) continue
      for (const timer of [...tab.timers].filter(({ at }) => at <= this.now)) {
        tab.timers.delete(timer)
        tab.queue("timers", timer.run)
      }
    }
  }

  clockOf(tab: Tab): Clock {
    return {
      now: () => this.now,
      monotonic: () => this.now,
      after: (delay, run) => {
        const timer = { at: this.now + delay, run: () => isOn && run() }
        let isOn = true
        tab.timers.add(timer)
        return () => {
          isOn = false
          tab.timers.delete(timer)
        }
      },
      hold: () => () => {},
      turn: (run) => tab.queue("turns", run),
      random: () => this.#chance.next(),
    }
  }

  /** Puts itself in place of the platform; returns the undo. */
  install(): () => void {
    const before = ["BroadcastChannel", "navigator"].map((name) => ({
      name,
      is: Object.getOwnPropertyDescriptor(globalThis, name) as PropertyDescriptor,
    }))
    const open = (name: string): Channel => new Channel(name, this.#tab, this)
    function BroadcastChannel(name: string): Channel {
      return open(name)
    }
    Object.defineProperty(globalThis, "BroadcastChannel", {
      configurable: true,
      value: BroadcastChannel,
    })
    const locks = {
      request: (_: string, options: LockOptions, grant: Request["grant"]) => this.#request(options, grant),
    }
    Object.defineProperty(globalThis, "navigator", { configurable: true, value: { locks } })
    return () => {
      for (const { name, is } of before) Object.defineProperty(globalThis, name, is)
    }
  }

  #request({ steal, signal }: LockOptions, grant: Request["grant"]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const request: Request = { tab: this.#tab, grant, resolve, reject }
      if (steal && this.#holder) {
        const robbed = this.#holder
        robbed.tab.queue("locks", () => robbed.reject(new DOMException("The lock was stolen.", "AbortError")))
        this.#holder = undefined
      }
      if (steal) this.#waiting.unshift(request)
      else this.#waiting.push(request)
      signal?.addEventListener("abort", () => {
        const at = this.#waiting.indexOf(request)
        if (at === -1) return
        this.#waiting.splice(at, 1)
        reject(signal.reason)
      })
      this.#grantNext()
    })
  }

  #release(): void {
    this.#holder = undefined
    this.#grantNext()
  }

  #grantNext(): void {
    if (this.#holder) return
    const request = this.#waiting.shift()
    if (!request) return
    this.#holder = request
    request.tab.queue("locks", () => {
      void Promise.resolve(request.grant()).then((value) => {
        request.resolve(value)
        if (this.#holder === request) this.#release()
      })
    })
  }
}

interface LockOptions {
  readonly steal?: boolean
  readonly signal?: AbortSignal
}

class Channel {
  onmessage: ((event: { readonly data: unknown }) => void) | undefined
  readonly #name: string
  readonly #tab: Tab
  readonly #browser: Browser
  #isClosed = false

  constructor(name: string, tab: Tab, browser: Browser) {
    this.#name = name
    this.#tab = tab
    this.#browser = browser
    tab.channels.add(this)
  }

  postMessage(message: unknown): void {
    this.#browser.mayStop()
    for (const { channels } of this.#browser.living) {
      for (const other of channels) {
        if (other === this || other.#isClosed || other.#name !== this.#name) continue
        const data = structuredClone(message)
        other.#tab.queue(this, () => other.#isClosed || other.onmessage?.({ data }))
      }
    }
    this.#browser.mayStop()
  }

  close(): void {
    this.#isClosed = true
    this.#tab.channels.delete(this)
  }
}
