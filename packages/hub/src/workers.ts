import cluster, { type Worker } from "node:cluster"
import { createSwitchboard, isCall, isReloaded, type PrimaryFunctions } from "./worker-calls.ts"

/** Delay before a worker that ended is replaced, in ms: the first, and the maximum, up to which it doubles. */
const REPLACE_MS = { first: 100, max: 5_000 }
/** A worker that ran this long, in ms, resets the delay. */
const SETTLED_MS = 10_000
/** Longest wait for a worker that reloads, in ms. */
const RELOAD_MS = 10_000

export interface Workers<Ready> {
  /** The message of the first worker when it was ready. */
  readonly ready: Ready
  /** Ends all workers gracefully; at the second call, at once. */
  leave(): void
  /** Sends SIGHUP to each worker, once it is ready: before, it would end the worker. Resolves when all have reloaded or ended. */
  reload(): Promise<void>
  /** Resolves when all have ended after `leave`. */
  readonly ended: Promise<void>
}

/** The first worker ended before it was ready, and has printed why. */
export class NotStarted extends Error {
  readonly exitCode: number

  constructor(exitCode: number) {
    super("The first worker could not start. See its message.")
    this.exitCode = exitCode
  }
}

/**
 * Starts `count` copies of this process that share its ports, and replaces those that end. The first one starts alone, so that an error is
 * printed once: then this rejects with `NotStarted`.
 * @param report called for each worker that ended unexpectedly
 * @param functions what workers can call in this process
 */
export async function startWorkers<Ready>(
  count: number,
  report: (line: string) => void,
  functions: PrimaryFunctions = {},
): Promise<Workers<Ready>> {
  const all = new Set<Worker>()
  /** Workers that are not ready yet. */
  const starting = new Set<Worker>()
  const timers = new Set<NodeJS.Timeout>()
  const ended = Promise.withResolvers<void>()
  const onCall = createSwitchboard(() => [...all].filter((worker) => !starting.has(worker)), functions)
  let ready: Ready | undefined
  let isLeaving = false

  /** Starts a worker. Resolves when it is ready or has ended. */
  function fork(failures: number): Promise<void> {
    const started = Promise.withResolvers<void>()
    const startedAt = performance.now()
    const worker = cluster.fork()
    all.add(worker)
    starting.add(worker)
    worker.on("message", (said: Ready) => {
      if (isCall(said)) return onCall(worker, said)
      starting.delete(worker)
      ready ??= said
      started.resolve()
    })
    worker.once("exit", (code: number | null, signal: string | null) => {
      all.delete(worker)
      starting.delete(worker)
      if (ready === undefined) started.reject(new NotStarted(code ?? 1))
      else started.resolve()
      if (isLeaving && all.size === 0) ended.resolve()
      if (isLeaving || ready === undefined) return
      const again = performance.now() - startedAt > SETTLED_MS ? 0 : failures
      const wait = Math.min(REPLACE_MS.first * 2 ** again, REPLACE_MS.max)
      report(
        `Worker ${worker.process.pid} ended with ${signal ?? `exit code ${code}`}. Another one starts in ${wait} ms.`,
      )
      const timer = setTimeout(() => {
        timers.delete(timer)
        void fork(again + 1)
      }, wait)
      timers.add(timer)
    })
    return started.promise
  }

  function leave(): void {
    const signal = isLeaving ? "SIGKILL" : "SIGTERM"
    isLeaving = true
    for (const timer of timers) clearTimeout(timer)
    for (const { process: child } of all) child.kill(signal)
    if (all.size === 0) ended.resolve()
  }

  await fork(0)
  await Promise.all(Array.from({ length: count - 1 }, () => fork(0)))
  return {
    ready: ready as Ready,
    leave,
    async reload() {
      await Promise.all([...all].map((worker) => reloadOne(worker, starting.has(worker))))
    },
    ended: ended.promise,
  }
}

function reloadOne(worker: Worker, isStarting: boolean): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      worker.off("message", onMessage).off("exit", done)
      resolve()
    }
    const onMessage = (message: unknown): void => {
      if (isReloaded(message)) done()
    }
    const timer = setTimeout(done, RELOAD_MS)
    worker.on("message", onMessage).once("exit", done)
    const hangUp = (): void => void worker.process.kill("SIGHUP")
    if (isStarting) whenReady(worker, hangUp)
    else hangUp()
  })
}

function whenReady(worker: Worker, act: () => void): void {
  const onMessage = (message: unknown): void => {
    if (isCall(message)) return
    worker.off("message", onMessage)
    act()
  }
  worker.on("message", onMessage)
}
