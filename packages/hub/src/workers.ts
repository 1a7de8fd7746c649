import cluster, { type Worker } from "node:cluster"

/** After how long a worker that ended is replaced, in ms: at first, and at most, when it goes on ending. */
const REPLACE_MS = { first: 100, most: 5_000 }
/** A worker that has lived this long, in ms, is not one that cannot live. */
const SETTLED_MS = 10_000

export interface Workers<Ready> {
  /** What the first worker said once it was ready. */
  readonly ready: Ready
  /** Ends all of them, each in its own time. Called again, at once. */
  leave(): void
  /** Sends a signal to each of them. */
  signal(signal: NodeJS.Signals): void
  /** Resolves when all have ended after `leave`. */
  readonly ended: Promise<void>
}

/** The first worker ended before it was ready, and has said why. */
export class NotStarted extends Error {
  readonly exitCode: number

  constructor(exitCode: number) {
    super("the first worker could not start")
    this.exitCode = exitCode
  }
}

/**
 * Starts `count` copies of this process that share its ports, and replaces those that end. The first one goes alone, so that what is
 * wrong is said once: then this rejects with `NotStarted`.
 * @param report told of each that ended by itself
 */
export async function startWorkers<Ready>(count: number, report: (line: string) => void): Promise<Workers<Ready>> {
  const all = new Set<Worker>()
  const timers = new Set<NodeJS.Timeout>()
  const ended = Promise.withResolvers<void>()
  let ready: Ready | undefined
  let isLeaving = false

  /** Resolves when it is ready, or has ended. */
  function fork(failures: number): Promise<void> {
    const started = Promise.withResolvers<void>()
    const startedAt = performance.now()
    const worker = cluster.fork()
    all.add(worker)
    worker.once("message", (said: Ready) => {
      ready ??= said
      started.resolve()
    })
    worker.once("exit", (code: number | null, signal: string | null) => {
      all.delete(worker)
      if (ready === undefined) started.reject(new NotStarted(code ?? 1))
      else started.resolve()
      if (isLeaving && all.size === 0) ended.resolve()
      if (isLeaving || ready === undefined) return
      const again = performance.now() - startedAt > SETTLED_MS ? 0 : failures
      const wait = Math.min(REPLACE_MS.first * 2 ** again, REPLACE_MS.most)
      report(
        `worker ${worker.process.pid} ended by ${signal ?? `exit code ${code}`}: another one follows in ${wait} ms`,
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
    signal(signal) {
      for (const { process: child } of all) child.kill(signal)
    },
    ended: ended.promise,
  }
}
