// Loaded into an attacked hub before its own code: tells over IPC how much memory it holds, and how long its event loop was late at most.
import { monitorEventLoopDelay } from "node:perf_hooks"

const delays = monitorEventLoopDelay({ resolution: 10 })
delays.enable()

process.on("message", () => {
  process.send?.({ rss: process.memoryUsage.rss(), delay: delays.max / 1e6 })
  delays.reset()
})
process.channel?.unref()
process.on("disconnect", () => process.exit(1))
