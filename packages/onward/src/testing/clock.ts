import type { Clock } from "../clock.ts"
import { checkNames } from "../options.ts"
import { seededRandom } from "../seeded-random.ts"
import { afterTurn, afterTwoTurns } from "./machine.ts"

export interface ClockOptions {
  /** What it shows first, in milliseconds since 1970. @default 1_700_000_000_000, a day in November 2023 */
  readonly now?: number
  /** Decides its chance: heartbeats and other spread-out waits differ with it, and with it only. @default 42 */
  readonly seed?: number
  /** Waits until nothing is under way that time does not decide, such as in sockets. @default two turns of the event loop */
  readonly quiet?: () => Promise<void>
}

/** A clock that stands still until it is told. */
export interface TestClock extends Clock {
  /**
   * Lets `ms` milliseconds pass, each timer at its moment, with all that follows from it before the next. Results from
   * elsewhere, such as a database, are awaited only by your own `quiet`.
   */
  pass(ms: number): Promise<void>
  /** Waits until everything happened that needs no time: published events are received, cut connections are closed. */
  settle(): Promise<void>
  /** Sets the time of day, as an administrator or NTP does: no time passes, and no timer runs. */
  setTime(now: number): void
  /** The number of pending timers: 0 without open streams and calls. */
  readonly timers: number
}

interface Timer {
  readonly at: number
  readonly run: () => void
}

/**
 * Makes a clock for `createHub({ clock })`, or for `sse(…, { clock })` with a source of your own. The hour is the test's, turns of the
 * event loop remain the machine's: events arrive by themselves, only what waits for time waits for `pass`.
 * @example
 * const clock = createClock()
 * const hub = createHub({ clock })
 * await clock.pass(15_000) // every stream has had its heartbeat
 */
export function createClock(options: ClockOptions = {}): TestClock {
  checkNames("createClock", options, ["now", "seed", "quiet"])
  const { now: start = 1_700_000_000_000, seed = 42, quiet = afterTwoTurns } = options
  const timers = new Set<Timer>()
  /** What `monotonic` shows, and what `now` shows more. */
  let elapsed = 0
  let offset = start
  /** Turns asked for so far, and those of them that are still to end. */
  let asked = 0
  let open = 0

  const isBusy = (): boolean => open > 0

  async function settle(): Promise<void> {
    for (let before = -1; before !== asked || isBusy();) {
      before = asked
      await quiet()
    }
  }

  function next(): Timer | undefined {
    let first: Timer | undefined
    for (const timer of timers) if (!first || timer.at < first.at) first = timer
    return first
  }

  return {
    now: () => offset + elapsed,
    monotonic: () => elapsed,
    setTime(now) {
      if (!Number.isFinite(now)) throw new TypeError("setTime takes a number of milliseconds since 1970")
      offset = now - elapsed
    },
    after(delay, run) {
      const timer = { at: elapsed + delay, run }
      timers.add(timer)
      return () => void timers.delete(timer)
    },
    hold: () => () => {},
    turn(run) {
      asked++
      open++
      afterTurn(() => {
        open--
        run()
      })
    },
    random: seededRandom(seed),
    get timers() {
      return timers.size
    },
    settle,
    async pass(ms) {
      if (!(ms >= 0 && ms < Infinity)) throw new TypeError("pass takes a number of milliseconds, 0 or more")
      const until = elapsed + ms
      await settle()
      for (let timer = next(); timer && timer.at <= until; timer = next()) {
        timers.delete(timer)
        elapsed = Math.max(elapsed, timer.at)
        timer.run()
        await settle()
      }
      elapsed = Math.max(elapsed, until)
    },
  }
}
