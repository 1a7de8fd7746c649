import type { Limits } from "./retention.ts"

/** How often a log removes entries that are too old while nothing is appended, in milliseconds. */
const SWEEP_INTERVAL = 1_000

/** Applies retention in the background. */
export interface Sweeper {
  /** Starts a sweep, unless one is running. An append calls it when more entries remain to be removed. */
  sweep(): void
  /** Starts no more sweeps. A running sweep continues. */
  stop(): void
}

/**
 * Runs `sweep` every second if entries have a maximum age, and on demand, never two at once. Its errors are ignored: the next
 * append or sweep tries again, and an append reports the error. The timer does not keep the process alive.
 */
export function createSweeper({ age }: Limits, sweep: () => void | Promise<unknown>): Sweeper {
  let isSweeping = false
  let isStopped = false

  async function run(): Promise<void> {
    if (isSweeping || isStopped) return
    isSweeping = true
    try {
      await sweep()
    } catch {
      // ignored, see above
    }
    isSweeping = false
  }

  const timer = age < Infinity ? setInterval(() => void run(), SWEEP_INTERVAL) : undefined
  ;(timer as { unref?(): void } | undefined)?.unref?.()

  return {
    sweep: () => void run(),
    stop() {
      isStopped = true
      clearInterval(timer)
    },
  }
}
