import type { Limits } from "./retention.ts"

/** How late a log removes an entry that is too old while nothing is appended, in milliseconds. */
const SWEEP_INTERVAL = 1_000

/** Applies retention in the background. */
export interface Sweeper {
  /** Sweeps once, unless a sweep is under way. An append calls it when it left more to remove. */
  sweep(): void
  /** Stops sweeping. A sweep under way goes on. */
  stop(): void
}

/**
 * Runs `sweep` every second if entries have a maximum age, and on demand; never two at once. Its errors are dropped: the next
 * append or sweep tries again, and an append reports what is wrong. The timer does not keep the process alive.
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
      // see above
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
