/**
 * Source of time and randomness, injected so that tests and the simulation can control it. All durations are in milliseconds. Durations
 * and waits use `monotonic` only; `now` is for times that people and other machines read.
 */
export interface Clock {
  /** The time of day: milliseconds since 1970. An administrator or NTP can set it forward or back at any time. */
  now(): number
  /** Milliseconds since a fixed moment in the past. Never goes back, and does not change when the time of day is set. */
  monotonic(): number
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

const METHODS = ["now", "monotonic", "after", "hold", "turn", "random"] as const

/** The clock that a caller gave as an option of `what`. Throws a `TypeError` that names the method it lacks. */
export function checkClock(what: string, clock: Clock): Clock {
  for (const name of METHODS) {
    if (typeof (clock as Partial<Clock> | null)?.[name] === "function") continue
    throw new TypeError(
      `${what}: \`clock\` has no method \`${name}\`. A clock has ${METHODS.join(", ")}: pass createClock() of onward/testing.`,
    )
  }
  return clock
}

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
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
