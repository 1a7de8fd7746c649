import { randomBytes } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import { OnwardError } from "onward"
import { openOutput, tell, type Terminal } from "../terminal.ts"
import type { BenchOptions } from "./command-line.ts"
import { publishLoad, type Published } from "./publish-load.ts"
import { formatReport, type Report } from "./report.ts"
import { openSubscribers, type Subscriber } from "./subscribers.ts"
import { Tally } from "./tally.ts"

/** How long the last events may take without any arriving, in ms. */
const QUIET_MS = 5_000
const POLL_MS = 5

/** Runs `onward bench`. Resolves with 1 when an event was lost, repeated or out of order, or when the hub failed. */
export async function bench(options: BenchOptions, terminal: Terminal): Promise<number> {
  const output = openOutput(terminal)
  try {
    const report = await measure(options, (text) => void (options.isQuiet || tell(terminal, text)))
    await output.write(formatReport(report, options.output))
    if (report.fault !== "") tell(terminal, report.fault)
    const { lost, twice, outOfOrder, gaps, faults } = report
    return lost + twice + outOfOrder + gaps + faults === 0 ? 0 : 1
  } catch (error) {
    if (!(error instanceof OnwardError)) throw error
    tell(terminal, error.message)
    return 1
  }
}

async function measure(options: BenchOptions, say: (text: string) => void): Promise<Report> {
  const { server, topics: count, clients, duration, rate, size, publishers, resume } = options
  // of its own, so that no event of an earlier run is counted
  const run = randomBytes(4).toString("hex")
  const topics = Array.from({ length: count }, (_, at) => `bench/${run}/${at}`)
  const tally = new Tally()
  say(`Opening ${clients} streams of ${server.url}.`)
  const subscribers = await openSubscribers({
    server,
    tally,
    clients: Array.from({ length: clients }, (_, at) => ({ topic: at % count, name: topics[at % count] as string })),
  })
  const cuts = planCuts(subscribers, resume, duration)
  try {
    say(`Publishing ${rate} messages a second for ${duration / 1_000} s.`)
    const startedAt = performance.now()
    const published = await publishLoad({ server, topics, publishers, rate, size, duration })
    await untilComplete(subscribers, published, tally)
    const seconds = (performance.now() - startedAt) / 1_000
    const missing = subscribers.reduce(
      (sum, { topic, last }) => sum + Math.max(0, (published.last[topic] ?? 0) - last),
      0,
    )
    const { latency } = tally
    return {
      clients,
      topics: count,
      published: published.messages,
      size,
      seconds,
      delivered: tally.delivered,
      deliveriesPerSecond: tally.delivered / seconds,
      p50: latency.quantile(0.5),
      p99: latency.quantile(0.99),
      max: latency.max,
      lost: tally.lost + tally.skipped + missing,
      twice: tally.duplicated,
      outOfOrder: tally.reordered,
      gaps: tally.gaps,
      resumes: tally.resumes,
      faults: tally.faults,
      fault: tally.faultText,
      behind: published.behind,
    }
  } finally {
    for (const cut of cuts) clearTimeout(cut)
    for (const subscriber of subscribers) subscriber.close()
  }
}

/** Cuts a part of the streams, each once, not near the start or the end. */
function planCuts(subscribers: readonly Subscriber[], part: number, duration: number): NodeJS.Timeout[] {
  const every = part > 0 ? 1 / part : Infinity
  return subscribers.flatMap((subscriber, at) =>
    Math.floor((at + 1) / every) > Math.floor(at / every)
      ? [setTimeout(() => subscriber.cut(), duration * (0.1 + 0.7 * Math.random()))]
      : [],
  )
}

/** Waits until each stream has the last event of its topic, or until nothing arrives. */
async function untilComplete(subscribers: readonly Subscriber[], { last }: Published, tally: Tally): Promise<void> {
  let before = -1
  let movedAt = performance.now()
  while (subscribers.some((subscriber) => subscriber.last < (last[subscriber.topic] ?? 0))) {
    if (tally.delivered !== before) {
      before = tally.delivered
      movedAt = performance.now()
    } else if (performance.now() - movedAt > QUIET_MS) return
    await sleep(POLL_MS)
  }
}
