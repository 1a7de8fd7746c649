// Metrics of a hub for Prometheus, with prom-client: serve `await register.metrics()` at /metrics.
import { createHub } from "onward"
import { Counter, Gauge, Histogram } from "prom-client"

const closed = new Counter({ name: "sse_streams_closed_total", help: "Streams that ended.", labelNames: ["reason"] })
const resumed = new Counter({ name: "sse_resumes_total", help: "How streams started.", labelNames: ["outcome"] })
const delivered = new Counter({ name: "sse_delivered_entries_total", help: "Entries sent to live streams." })
const lag = new Histogram({ name: "sse_delivery_lag_seconds", help: "Time from the log to the socket." })
const streams = new Gauge({
  name: "sse_streams",
  help: "Open streams.",
  labelNames: ["state"],
  collect() {
    const { live, reading, full } = hub.stats() // at each scrape
    for (const [state, count] of Object.entries({ live, reading, full })) streams.set({ state }, count)
  },
})

export const hub = createHub({
  observe(seen) {
    if (seen.type === "closed") closed.inc({ reason: seen.reason })
    if (seen.type === "resumed") resumed.inc({ outcome: seen.outcome })
    if (seen.type === "delivered") delivered.inc(seen.entries)
    if (seen.type === "delivered") lag.observe(seen.lag / 1_000)
  },
})
