// The load generator: `node load/main.ts <LoadOptions as JSON>`. It prints `{"ready":true}`, waits for a line on stdin, makes its
// load and prints a LoadReport; with `wake` it waits for another line, wakes the stalled readers and prints a second one.
// It holds its connections until stdin ends.
import { createInterface } from "node:readline"
import { churn } from "./churn.ts"
import { monotonic } from "./clock.ts"
import { countMissing, fan, openSubscribers } from "./fan.ts"
import type { LoadOptions, LoadReport } from "./options.ts"
import { publishLoops } from "./publish.ts"
import { Tally } from "./tally.ts"
import { readTokens } from "./tokens.ts"
import { wakeStalled } from "./wake.ts"

const options = JSON.parse(process.argv[2] ?? "{}") as LoadOptions
const tally = new Tally()
const input = createInterface({ input: process.stdin })
input.on("close", () => process.exit())
const line = (): Promise<void> => new Promise((resolve) => void input.once("line", () => resolve()))
const say = (object: object): void => void process.stdout.write(`${JSON.stringify(object)}\n`)

/** What one kind of load adds to the tally. */
interface Outcome {
  readonly done: number
  readonly missing?: number
  readonly behind?: number
}

async function report(load: () => Promise<Outcome>): Promise<void> {
  say({ ready: true })
  await line()
  const cpu = process.cpuUsage()
  const started = monotonic()
  const { done, missing = 0, behind = 0 } = await load()
  const { user, system } = process.cpuUsage(cpu)
  const seconds = ((tally.lastArrival || monotonic()) - started) / 1e9
  const { latency, lost, duplicated, reordered, faults, faultText, gaps, skipped } = tally
  say({
    done,
    seconds,
    perSecond: done / seconds,
    p50: latency.quantile(0.5),
    p99: latency.quantile(0.99),
    max: latency.max,
    lost,
    duplicated,
    reordered,
    missing,
    faults,
    faultText,
    gaps,
    skipped,
    behind,
    cpu: (user + system) / 1e6,
  } satisfies LoadReport)
}

if (options.mode === "publish") await report(async () => ({ done: await publishLoops(options, tally) }))
else if (options.mode === "churn") await report(async () => ({ done: await churn(options, tally) }))
else if (options.mode === "tokens") {
  await report(async () => ({ missing: await readTokens(options, tally), done: tally.delivered }))
} else {
  const subscribers = await openSubscribers(options, tally)
  const stalled = subscribers.slice(0, options.stalled ?? 0)
  await report(async () => {
    const result = await fan(options, tally, subscribers)
    const missing = countMissing(tally, subscribers.slice(stalled.length), result)
    return { done: tally.delivered, missing, behind: result.behind }
  })
  if (options.wake) {
    await report(async () => {
      const before = tally.delivered
      const missing = await wakeStalled(stalled, options.count ?? 0, options.grace ?? 30)
      return { done: tally.delivered - before, missing }
    })
  }
}
