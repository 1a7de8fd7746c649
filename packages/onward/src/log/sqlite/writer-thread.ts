import { Worker } from "node:worker_threads"
import { OnwardError } from "../../errors.ts"
import type { StoredMessage } from "../../message.ts"
import { Backlog } from "../driver/backlog.ts"
import { failureOf, toOnwardError } from "./failure.ts"
import type { Moment } from "./age-clock.ts"
import { columnsOf, type AppendCall, type Reply, type Request, type Stored, type WriterOptions } from "./protocol.ts"

interface PendingCall {
  readonly weight: number
  readonly resolve: (reply: Reply) => void
  readonly reject: (error: OnwardError) => void
}

/** The writer thread, for use by the main thread. It keeps the process alive only while calls are pending. */
export class WriterThread {
  readonly #options: WriterOptions
  readonly #onStored: (newest: number) => void
  readonly #pending = new Map<number, PendingCall>()
  #worker: Worker | undefined
  #calls: AppendCall[] = []
  #ticket = 0
  readonly #backlog: Backlog

  /** `onStored` is called with the newest acknowledged sequence number, before the callers of these appends continue. */
  constructor(options: WriterOptions, onStored: (newest: number) => void) {
    this.#options = options
    this.#backlog = new Backlog(options.path)
    this.#onStored = onStored
  }

  async append(messages: readonly StoredMessage[], moment: Moment): Promise<Stored> {
    const weight = this.#backlog.enter(messages)
    const ticket = ++this.#ticket
    const columns = columnsOf(messages)
    // appends of the same turn are sent together
    if (this.#calls.length === 0) queueMicrotask(() => this.#send())
    this.#calls.push({ ticket, moment, columns })
    return (await this.#wait(ticket, weight)).stored as Stored
  }

  async trim(moment: Moment): Promise<void> {
    const ticket = ++this.#ticket
    const done = this.#wait(ticket, 0)
    this.#post({ kind: "trim", ticket, moment })
    await done
  }

  /** Resolves to the number of removed entries. */
  async forget(topics: readonly string[] | undefined, upTo: number): Promise<number> {
    const ticket = ++this.#ticket
    const done = this.#wait(ticket, 0)
    this.#post({ kind: "forget", call: { ticket, topics, upTo } })
    return (await done).removed ?? 0
  }

  /** Trims in the background. */
  sweep(moment: Moment): void {
    this.#post({ kind: "trim", moment })
  }

  /** Ends the thread. Must be called when no call is pending. */
  async close(): Promise<void> {
    const worker = this.#worker
    if (!worker) return
    worker.ref()
    const exit = new Promise((resolve) => void worker.once("exit", resolve))
    this.#post({ kind: "close" })
    await exit
  }

  #wait(ticket: number, weight: number): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.#pending.set(ticket, { weight, resolve, reject })
      this.#running().ref()
    })
  }

  #send(): void {
    const calls = this.#calls
    this.#calls = []
    try {
      this.#post({ kind: "append", calls })
    } catch (error) {
      // a message that was not checked and has a value that cannot be sent to a thread
      const failure = failureOf(error)
      this.#settle(calls.map(({ ticket }) => ({ ticket, failure })))
    }
  }

  #post(request: Request): void {
    this.#running().postMessage(request)
  }

  #running(): Worker {
    return (this.#worker ??= this.#start())
  }

  #start(): Worker {
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js"
    const worker = new Worker(new URL(`./worker.${extension}`, import.meta.url), {
      name: "onward sqlite writer",
      workerData: this.#options,
      // not all flags of this process, some of which a thread must not have; without the first one, Node 22 would repeat its warning about node:sqlite
      execArgv: [
        "--disable-warning=ExperimentalWarning",
        ...process.execArgv.filter((flag) => flag.endsWith("strip-types")),
      ],
    })
    worker.unref()
    worker.on("message", (replies: readonly Reply[]) => this.#settle(replies))
    worker.on("error", (error) => this.#lose(worker, error))
    worker.on("exit", (code) => this.#lose(worker, new Error(`the writer thread ended with code ${code}`)))
    return worker
  }

  #settle(replies: readonly Reply[]): void {
    for (const reply of replies) {
      const { ticket, failure } = reply
      const call = this.#pending.get(ticket)
      this.#pending.delete(ticket)
      this.#backlog.leave(call?.weight ?? 0)
      if (failure) call?.reject(toOnwardError(this.#options.path, failure))
      else call?.resolve(reply)
    }
    if (this.#pending.size === 0) this.#worker?.unref()
    const newest = Math.max(...replies.map(({ stored }) => stored?.sequences.at(-1) ?? 0))
    if (newest > 0) this.#onStored(newest)
  }

  /** Rejects pending calls after the thread has ended unexpectedly. The next call starts another thread. */
  #lose(worker: Worker, cause: unknown): void {
    if (this.#worker !== worker) return
    this.#worker = undefined
    const reason = cause instanceof Error ? cause.message : String(cause)
    const message = `log ${this.#options.path}: the writer thread stopped unexpectedly (${reason}), and the messages are possibly stored. Retry with an \`idempotencyKey\`.`
    for (const { reject } of this.#pending.values()) reject(new OnwardError("log_unavailable", message, { cause }))
    this.#pending.clear()
    this.#backlog.clear()
  }
}
