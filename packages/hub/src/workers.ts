import cluster, { type Worker } from "node:cluster"

/** After how long a worker that ended is replaced, in ms: at first, and at most, when it goes on ending. */
const REPLACE_MS = { first: 100, most: 5_000 }
/** A worker that has lived this long, in ms, is not one that cannot live. */
const SETTLED_MS = 10_000

export interface Workers<Ready> {
  /** What the first worker said when it was ready. */
  readonly ready: Ready
  /** Ends all of them, each in its own time. Called again, at once. */
  leave(): void
  /** Resolves when all have ended after `leave`. */
  readonly ended: Promise<void>
}

/**
 * Starts `count` copies of this process that share its ports, and replaces those that end. Rejects when one ends before
 * any was ready: it has said why.
 * @param report told of each that ended by itself
 */
export async function startWorkers<Ready>(count: number, report: (line: string) => void): Promise<Workers<Ready>> {
  const all = new Set<Worker>()
  const timers = new Set<NodeJS.Timeout>()
  const first = Promise.withResolvers<Ready>()
  const ended = Promise.withResolvers<void>()
  let isReady = false
  let isLeaving = false

  function fork(failures: number): void {
    const startedAt = performance.now()
    const worker = cluster.fork()
    all.add(worker)
    worker.once("message", (ready: Ready) => {
      isReady = true
      first.resolve(ready)
    })
    worker.once("exit", (code, signal) => {
      all.delete(worker)
      if (isLeaving || !isReady) {
        if (!isReady) leave()
        first.reject(new Error("no worker could start"))
        if (all.size === 0) ended.resolve()
        return
      }
      const again = performance.now() - startedAt > SETTLED_MS ? 0 : failures
      const wait = Math.min(REPLACE_MS.first * 2 ** again, REPLACE_MS.most)
      report(
        `worker ${worker.process.pid} ended by ${signal ?? `exit code ${code}`}: another one follows in ${wait} ms`,
      )
      const timer = setTimeout(() => {
        timers.delete(timer)
        fork(again + 1)
      }, wait)
      timers.add(timer)
    })
  }

  function leave(): void {
    const signal = isLeaving ? "SIGKILL" : "SIGTERM"
    isLeaving = true
    for (const timer of timers) clearTimeout(timer)
    for (const { process: child } of all) child.kill(signal)
    if (all.size === 0) ended.resolve()
  }

  for (let i = 0; i < count; i++) fork(0)
  return { ready: await first.promise, leave, ended: ended.promise }
}
