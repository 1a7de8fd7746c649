const INTERVAL_MS = 1_000

export interface EventCount {
  add(chars: number): void
  /** Prints the totals, and ends. */
  stop(): void
}

/** Counts events, and prints their number and rate each second. */
export function countEvents(print: (line: string) => void): EventCount {
  const startedAt = performance.now()
  let events = 0
  let chars = 0
  let before = 0
  const timer = setInterval(() => {
    print(`${number(events)} events, ${number(events - before)}/s`)
    before = events
  }, INTERVAL_MS)
  return {
    add(length) {
      events++
      chars += length
    },
    stop() {
      clearInterval(timer)
      const seconds = (performance.now() - startedAt) / 1_000
      print(`${number(events)} events, ${number(chars)} characters, in ${seconds.toFixed(1)} s`)
    },
  }
}

const number = (value: number): string => value.toLocaleString("en-US")
