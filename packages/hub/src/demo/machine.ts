import { availableParallelism, cpus, freemem, loadavg, totalmem } from "node:os"
import { monitorEventLoopDelay } from "node:perf_hooks"

/** The load of this machine. Shares are from 0 to 1, delays in ms. */
export interface Sample {
  /** Share of all processors' time spent working since the last sample. */
  readonly cpu: number
  /** Number of running or waiting processes per processor, averaged over a minute. */
  readonly load: number
  /** Share of memory in use. */
  readonly memory: number
  /** 99th percentile of the event-loop delay since the last sample. */
  readonly delay: number
}

/** Returns a function that takes a sample, and one that stops measuring. */
export function createMachine(): { sample(): Sample; close(): void } {
  const loop = monitorEventLoopDelay({ resolution: 10 })
  loop.enable()
  let before = processorTimes()
  return {
    sample() {
      const now = processorTimes()
      const all = now.all - before.all
      const cpu = all > 0 ? 1 - (now.idle - before.idle) / all : 0
      before = now
      // the histogram includes its own interval
      const delay = Math.max(0, loop.percentile(99) / 1e6 - 10)
      loop.reset()
      return {
        cpu: round(cpu),
        load: round((loadavg()[0] ?? 0) / availableParallelism()),
        memory: round(1 - freemem() / totalmem()),
        delay: round(Number.isFinite(delay) ? delay : 0),
      }
    },
    close: () => void loop.disable(),
  }
}

function processorTimes(): { idle: number; all: number } {
  let idle = 0
  let all = 0
  for (const { times } of cpus()) {
    idle += times.idle
    all += times.idle + times.user + times.sys + times.nice + times.irq
  }
  return { idle, all }
}

const round = (value: number): number => Math.round(value * 1e4) / 1e4
