/** Time and chance, injected so that tests and the simulation can own them. All durations in milliseconds. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
  /** Calls `run` after `delay` milliseconds; returns the undo. Does not keep the process alive by itself. */
  after(delay: number, run: () => void): () => void
  /** Keeps the process alive until undone. */
  hold(): () => void
  /** Calls `run` once the current turn of the event loop is over. */
  turn(run: () => void): void
  /** A number in [0, 1). Never used for secrets. */
  random(): number
}

type Timer = number | { unref?(): void }

const { setImmediate: soon = setTimeout } = globalThis as { setImmediate?: (run: () => void) => unknown }

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(delay, run) {
    const timer = setTimeout(run, delay) as Timer
    if (typeof timer === "object") timer.unref?.()
    return () => clearTimeout(timer as number)
  },
  hold() {
    const timer = setInterval(() => {}, 1_000_000)
    return () => clearInterval(timer)
  },
  turn: (run) => void soon(run),
  random: () => Math.random(),
}
