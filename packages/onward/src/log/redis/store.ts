import { systemClock } from "../../clock.ts"
import { OnwardError } from "../../errors.ts"
import { createEpoch } from "../driver/position.ts"
import type { Connection } from "./client.ts"
import { isUnknownScript, toOnwardError } from "./failure.ts"
import { nameOf, SCRIPT } from "./script.ts"

/** How often to look whether a client is ready again, in milliseconds. */
const READY_POLL = 20

/** What a process knows of the log since it last heard of it. */
interface Known {
  readonly epoch: string
  readonly last: number
  /** The newest place removed. */
  readonly trimmed: number
  /** Bytes of an entry. */
  readonly average: number
}

/** An entry of a stream, as both clients give it. */
export type StreamEntry = readonly [id: string, fields: readonly [name: string, value: string]]

/** What every call of the script says of the log, then its results. */
export interface Answer {
  readonly epoch: string
  readonly first: number
  readonly last: number
  readonly results: readonly unknown[]
}

/** Calls the script, within a time, and keeps what this process knows of the log's life. */
export class Store {
  readonly key: string
  readonly #connection: Connection
  readonly #timeout: number
  #name: Promise<string> | undefined
  /** Also the newest place seen, so that a store that lost it is found out. */
  #known: Known = { epoch: "", last: 0, trimmed: 0, average: 0 }
  /** The server process whose settings were looked at. */
  #lookedAt = ""
  /** Whether the server was seen not to remove entries by itself. */
  #keepsAll = false
  /** What last went wrong with the connection. */
  #trouble: Error | undefined
  readonly #stopListening: () => void

  constructor(connection: Connection, key: string, timeout: number) {
    this.#connection = connection
    this.key = key
    this.#timeout = timeout
    this.#stopListening = connection.onError((error) => (this.#trouble = error))
  }

  close(): void {
    this.#stopListening()
  }

  async call(operation: string, words: readonly string[] = []): Promise<Answer> {
    const given = [operation, createEpoch(), this.#known.epoch, String(this.#known.last), ...words]
    const answer = (await this.#inTime(async () => {
      if (!this.#keepsAll) await this.#refuseEviction()
      return this.#run(given)
    })) as string[]
    const [epoch = "", first, last, trimmed, average, unknownRun = ""] = answer
    const known = { epoch, last: Number(last), trimmed: Number(trimmed), average: Number(average) }
    if (epoch !== this.#known.epoch || known.last >= this.#known.last) this.#known = known
    if (unknownRun !== "" && unknownRun !== this.#lookedAt) void this.#vouch(unknownRun)
    return { epoch, first: Number(first), last: known.last, results: answer.slice(6) }
  }

  get known(): Known {
    return this.#known
  }

  /** Notes an entry that was read without the script. */
  see(epoch: string, sequence: number): void {
    if (epoch === this.#known.epoch && sequence > this.#known.last) this.#known = { ...this.#known, last: sequence }
  }

  /** What the stream of one life of the log holds from a place on; nothing when another life has begun. */
  async range(epoch: string, from: number, count: number): Promise<readonly StreamEntry[]> {
    const words = ["XRANGE", `${this.key}:entries:${epoch}`, String(from), "+", "COUNT", String(count)]
    return (await this.#inTime(() => this.#connection.send(this.key, words))) as StreamEntry[]
  }

  /** Keys of a log have no time to live, so that only the policies for all keys remove some. Asked once for each process of the server. */
  async #refuseEviction(): Promise<void> {
    const policy = await this.#policy()
    if (policy.startsWith("allkeys")) {
      throw new OnwardError(
        "log_unsupported",
        `log ${this.key}: Redis may remove entries by itself (maxmemory-policy ${policy}). Set maxmemory-policy to noeviction.`,
      )
    }
    this.#keepsAll = true
  }

  /** Which keys the server removes when its memory is full. */
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
   * Notes in the log whether this server process flushes every write before it answers: only then does a restart prove to have
   * lost nothing. Where its settings may not be read, it counts as one that does not; among many servers, too.
   */
  async #vouch(run: string): Promise<void> {
    this.#lookedAt = run
    try {
      await this.call("vouch", [run, (await this.#isDurable(run)) ? "1" : "0"])
      // another process may have been started with other settings: then the next call asks, and refuses
      if ((await this.#inTime(() => this.#policy())).startsWith("allkeys")) this.#keepsAll = false
    } catch {
      this.#lookedAt = "" // the next call tries again
    }
  }

  async #isDurable(run: string): Promise<boolean> {
    if (this.#connection.hasManyServers) return false
    const ask = (...words: string[]): Promise<unknown> => this.#inTime(() => this.#connection.send(this.key, words))
    try {
      const settings = [
        ["appendonly", "yes"],
        ["appendfsync", "always"],
        ["no-appendfsync-on-rewrite", "no"],
      ] as const
      for (const [name, needed] of settings) {
        if (!JSON.stringify(valuesOf(await ask("CONFIG", "GET", name))).includes(`"${needed}"`)) return false
      }
      // a failover in between would have shown us another's settings
      return String(await ask("INFO", "server")).includes(`run_id:${run}`)
    } catch (error) {
      const { code } = toOnwardError(this.key, error)
      if (code === "log_denied" || code === "log_unsupported") return false
      throw error
    }
  }

  /** Never leaves a call to a client's own patience, which may be endless. */
  async #inTime<T>(run: () => Promise<T>): Promise<T> {
    const deadline = performance.now() + this.#timeout
    let undo = (): void => {}
    try {
      while (!this.#connection.isReady()) {
        if (performance.now() >= deadline) throw this.#notConnected()
        await new Promise<void>((resolve) => void systemClock.after(READY_POLL, resolve))
      }
      return await new Promise<T>((resolve, reject) => {
        const giveUp = (): void => reject(this.#late("has not answered"))
        // one more turn: when it was this process that stood still, the answer lies there and has only not been read
        const patience = Math.max(deadline - performance.now(), READY_POLL)
        undo = systemClock.after(patience, () => systemClock.turn(giveUp))
        run().then(resolve, reject)
      })
    } catch (error) {
      throw toOnwardError(this.key, error)
    } finally {
      undo()
    }
  }

  /** A refused password looks like no connection to whoever asks: what the client was told says more. */
  #notConnected(): OnwardError {
    const told = toOnwardError(this.key, this.#trouble)
    return told.code === "log_unavailable" ? this.#late("is not connected") : told
  }

  #late(what: string): OnwardError {
    const advice = "check that Redis runs and can be reached, or raise `timeout`"
    const message = `log ${this.key}: Redis ${what} for ${this.#timeout} ms: ${advice}`
    return new OnwardError("log_unavailable", message, { cause: this.#trouble })
  }
}

/** A list of name and value, or with RESP 3 a map or plain object. */
function valuesOf(reply: unknown): unknown[] {
  if (Array.isArray(reply)) return reply
  return reply instanceof Map ? [...reply.values()] : Object.values(Object(reply))
}
