import { Worker } from "node:worker_threads"
import { OnwardError } from "../../errors.ts"
import type { StoredMessage } from "../../message.ts"
import { Backlog } from "../driver/backlog.ts"
import { failureOf, toOnwardError } from "./failure.ts"
import type { Moment } from "./age-clock.ts"
import { columnsOf, type Answer, type AppendCall, type Request, type Stored, type WriterOptions } from "./protocol.ts"

interface Waiting {
  readonly weight: number
  readonly resolve: (stored: Stored | undefined) => void
  readonly reject: (error: OnwardError) => void
}

/** The writer's thread, as the main thread sees it. It does not keep the process alive while nothing waits for it. */
export class WriterThread {
  readonly #options: WriterOptions
  readonly #onStored: (newest: number) => void
  readonly #waiting = new Map<number, Waiting>()
  #worker: Worker | undefined
  #calls: AppendCall[] = []
  #ticket = 0
  readonly #backlog: Backlog

  /** `onStored` is told the newest sequence number of the appends just acknowledged, before their callers go on. */
  constructor(options: WriterOptions, onStored: (newest: number) => void) {
    this.#options = options
    this.#backlog = new Backlog(options.path)
    this.#onStored = onStored
  }

  async append(messages: readonly StoredMessage[], moment: Moment): Promise<Stored> {
    const weight = this.#backlog.enter(messages)
    const ticket = ++this.#ticket
    const columns = columnsOf(messages)
    // all that is appended in this turn travels together
    if (this.#calls.length === 0) queueMicrotask(() => this.#send())
    this.#calls.push({ ticket, moment, columns })
    return (await this.#wait(ticket, weight)) as Stored
  }

  async trim(moment: Moment): Promise<void> {
    const ticket = ++this.#ticket
    const done = this.#wait(ticket, 0)
    this.#post({ kind: "trim", ticket, moment })
    await done
  }

  /** Trims without being waited for. */
  sweep(moment: Moment): void {
    this.#post({ kind: "trim", moment })
  }

  /** Ends the thread; to be called when nothing waits any more. */
  async close(): Promise<void> {
    const worker = this.#worker
    if (!worker) return
    worker.ref()
    const exit = new Promise((resolve) => void worker.once("exit", resolve))
    this.#post({ kind: "close" })
    await exit
  }

  #wait(ticket: number, weight: number): Promise<Stored | undefined> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(ticket, { weight, resolve, reject })
      this.#running().ref()
    })
  }

  #send(): void {
    const calls = this.#calls
    this.#calls = []
    try {
      this.#post({ kind: "append", calls })
    } catch (error) {
      // messages that were not checked, and hold what cannot be sent to a thread
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
      // not this process's flags, some of which no thread may have; Node 22 would warn of node:sqlite a second time
      execArgv: [
        "--disable-warning=ExperimentalWarning",
        ...process.execArgv.filter((flag) => flag.endsWith("strip-types")),
      ],
    })
    worker.unref()
    worker.on("message", (answers: readonly Answer[]) => this.#settle(answers))
    worker.on("error", (error) => this.#lose(worker, error))
    worker.on("exit", (code) => this.#lose(worker, new Error(`the writer's thread ended with code ${code}`)))
    return worker
  }

  #settle(answers: readonly Answer[]): void {
    for (const { ticket, stored, failure } of answers) {
      const waiting = this.#waiting.get(ticket)
      this.#waiting.delete(ticket)
      this.#backlog.leave(waiting?.weight ?? 0)
      if (failure) waiting?.reject(toOnwardError(this.#options.path, failure))
      else waiting?.resolve(stored)
    }
    if (this.#waiting.size === 0) this.#worker?.unref()
    const newest = Math.max(...answers.map(({ stored }) => stored?.sequences.at(-1) ?? 0))
    if (newest > 0) this.#onStored(newest)
  }

  /** The thread has died: what waits for it fails, what comes next starts another. */
  #lose(worker: Worker, cause: unknown): void {
    if (this.#worker !== worker) return
    this.#worker = undefined
    const reason = cause instanceof Error ? cause.message : String(cause)
    const message = `log ${this.#options.path}: its writer has died, and may have stored this or not: repeat it with a \`key\` (${reason})`
    for (const { reject } of this.#waiting.values()) reject(new OnwardError("log_unavailable", message, { cause }))
    this.#waiting.clear()
    this.#backlog.clear()
  }
}
