import { systemClock } from "../../clock.ts"
import { OnwardError } from "../../errors.ts"
import type { Position } from "../../message.ts"
import { createEpoch } from "../driver/position.ts"
import type { Connection } from "./client.ts"
import { isUnknownScript, toOnwardError } from "./failure.ts"
import { nameOf, SCRIPT } from "./script.ts"

/** How often to check whether the client is ready, in milliseconds. */
const READY_POLL = 20

/** The state of the log as this process last received it. */
interface LogState {
  readonly epoch: string
  readonly last: number
  /** The newest removed sequence number. */
  readonly trimmed: number
  /** The average size of an entry, in bytes. */
  readonly average: number
}

/** An entry of a stream, in the form that both clients return. */
export type StreamEntry = readonly [id: string, fields: readonly [name: string, value: string]]

/** The result of a call of the script: the state of the log, then the results of the operation. */
export interface ScriptResult {
  readonly epoch: string
  readonly first: number
  readonly last: number
  readonly results: readonly unknown[]
}

/** Calls the script with a timeout, and remembers the state of the log. */
export class Store {
  readonly key: string
  /** Ends of pages of some topics that had no entries of others. */
  readonly dense: Set<Position> = new Set()
  readonly #connection: Connection
  readonly #timeout: number
  #name: Promise<string> | undefined
  /** Sent with each call, so that the script can detect that the store lost entries. */
  #known: LogState = { epoch: "", last: 0, trimmed: 0, average: 0 }
  /** The `run_id` of the server process whose settings were checked. */
  #checkedRun = ""
  /** Whether the server is known not to evict entries. */
  #neverEvicts = false
  /** The last error of the connection. */
  #connectionError: Error | undefined
  readonly #stopListening: () => void

  constructor(connection: Connection, key: string, timeout: number) {
    this.#connection = connection
    this.key = key
    this.#timeout = timeout
    this.#stopListening = connection.onError((error) => (this.#connectionError = error))
  }

  close(): void {
    this.#stopListening()
  }

  async call(operation: string, words: readonly string[] = []): Promise<ScriptResult> {
    const given = [operation, createEpoch(), this.#known.epoch, String(this.#known.last), ...words]
    const reply = (await this.#withTimeout(async () => {
      if (!this.#neverEvicts) await this.#refuseEviction()
      return this.#run(given)
    })) as string[]
    const [epoch = "", first, last, trimmed, average, unknownRun = ""] = reply
    const known = { epoch, last: Number(last), trimmed: Number(trimmed), average: Number(average) }
    if (epoch !== this.#known.epoch || known.last >= this.#known.last) this.#known = known
    if (unknownRun !== "" && unknownRun !== this.#checkedRun) void this.#reportDurability(unknownRun)
    return { epoch, first: Number(first), last: known.last, results: reply.slice(6) }
  }

  get known(): LogState {
    return this.#known
  }

  /** Records an entry that was read without the script. */
  see(epoch: string, sequence: number): void {
    if (epoch === this.#known.epoch && sequence > this.#known.last) this.#known = { ...this.#known, last: sequence }
  }

  /** Reads the stream of an epoch from a sequence number on. Empty when another epoch has begun. */
  async range(epoch: string, from: number, count: number): Promise<readonly StreamEntry[]> {
    const words = ["XRANGE", `${this.key}:entries:${epoch}`, String(from), "+", "COUNT", String(count)]
    return (await this.#withTimeout(() => this.#connection.send(this.key, words))) as StreamEntry[]
  }

  /** Throws if the server evicts keys. Keys of a log have no expiry, so only the policies for all keys evict them. Checked once for each server process. */
  async #refuseEviction(): Promise<void> {
    const policy = await this.#policy()
    if (policy.startsWith("allkeys")) {
      throw new OnwardError(
        "log_unsupported",
        `log ${this.key}: Redis can evict entries (maxmemory-policy ${policy}). Set maxmemory-policy to noeviction.`,
      )
    }
    this.#neverEvicts = true
  }

  /** The keys that the server evicts when its memory is full. */
  async #policy(): Promise<string> {
    return String(await this.#run(["policy"]))
  }

  async #run(given: readonly string[]): Promise<unknown> {
    const name = await (this.#name ??= nameOf(SCRIPT))
    const { key } = this
    try {
      return await this.#connection.send(key, ["EVALSHA", name, "1", key, ...given])
    } catch (error) {
      if (!isUnknownScript(error)) throw error
      return this.#connection.send(key, ["EVAL", SCRIPT, "1", key, ...given])
    }
  }

  /**
   * Stores in the log whether this server process flushes every write before it replies. Only then has a restart certainly lost
   * nothing. A server whose settings cannot be read counts as one that does not flush, and so does a cluster.
   */
  async #reportDurability(run: string): Promise<void> {
    this.#checkedRun = run
    try {
      await this.call("durability", [run, (await this.#isDurable(run)) ? "1" : "0"])
      // a new server process can have other settings: the next call then checks again, and throws
      if ((await this.#withTimeout(() => this.#policy())).startsWith("allkeys")) this.#neverEvicts = false
    } catch {
      this.#checkedRun = "" // the next call tries again
    }
  }

  async #isDurable(run: string): Promise<boolean> {
    if (this.#connection.hasManyServers) return false
    const ask = (...words: string[]): Promise<unknown> =>
      this.#withTimeout(() => this.#connection.send(this.key, words))
    try {
      const settings = [
        ["appendonly", "yes"],
        ["appendfsync", "always"],
        ["no-appendfsync-on-rewrite", "no"],
      ] as const
      for (const [name, needed] of settings) {
        if (!JSON.stringify(valuesOf(await ask("CONFIG", "GET", name))).includes(`"${needed}"`)) return false
      }
      // after a failover in between, the settings would be those of another server
      return String(await ask("INFO", "server")).includes(`run_id:${run}`)
    } catch (error) {
      const { code } = toOnwardError(this.key, error)
      if (code === "log_denied" || code === "log_unsupported") return false
      throw error
    }
  }

  /** Runs a call with the log's timeout: a client can wait without a limit. */
  async #withTimeout<T>(run: () => Promise<T>): Promise<T> {
    const deadline = performance.now() + this.#timeout
    let undo = (): void => {}
    try {
      while (!this.#connection.isReady()) {
        if (performance.now() >= deadline) throw this.#notConnected()
        await new Promise<void>((resolve) => void systemClock.after(READY_POLL, resolve))
      }
      return await new Promise<T>((resolve, reject) => {
        const giveUp = (): void => reject(this.#late("has not responded"))
        // one more turn: if this process was blocked, the reply has arrived and only needs to be read
        const left = Math.max(deadline - performance.now(), READY_POLL)
        undo = systemClock.after(left, () => systemClock.turn(giveUp))
        run().then(resolve, reject)
      })
    } catch (error) {
      throw toOnwardError(this.key, error)
    } finally {
      undo()
    }
  }

  /** The error while the client is not connected. After a refused password, the last connection error says why. */
  #notConnected(): OnwardError {
    const reported = toOnwardError(this.key, this.#connectionError)
    return reported.code === "log_unavailable" ? this.#late("is not connected") : reported
  }

  #late(what: string): OnwardError {
    const advice = "Check that Redis runs and can be reached, or raise `timeout`."
    const message = `log ${this.key}: Redis ${what} for ${this.#timeout} ms. ${advice}`
    return new OnwardError("log_unavailable", message, { cause: this.#connectionError })
  }
}

/** The values of a reply of names and values: a list, or with RESP 3 a map or plain object. */
function valuesOf(reply: unknown): unknown[] {
  if (Array.isArray(reply)) return reply
  return reply instanceof Map ? [...reply.values()] : Object.values(Object(reply))
}
