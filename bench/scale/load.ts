// The readers of a hub under test: `node scale/load.ts <port>`. It answers each line on stdin (an `Order` as JSON) with a line, and ends when
// stdin does.
import { createInterface } from "node:readline"
import { setTimeout as sleep } from "node:timers/promises"
import { monotonic } from "../load/clock.ts"
import { Subscriber } from "../load/subscriber.ts"
import { Tally } from "../load/tally.ts"
import { Latency } from "../../packages/hub/src/commands/bench/latency.ts"

/** What the readers are told to do. */
export type Order =
  /**
   * Opens streams, all at once or `atOnce` at a time; in a path, `%` stands for the number of the stream, from 1. Without `until`, it waits
   * for the response heads; with it, until each stream has this event.
   */
  | {
      readonly do: "open"
      readonly count: number
      readonly path: string
      readonly atOnce?: number
      /** Sent as `Last-Event-ID`: the id of event `last`, the last that each stream has. */
      readonly after?: string
      readonly last?: number
      readonly until?: number
    }
  /** Waits until each stream has event `until`. */
  | { readonly do: "wait"; readonly until: number }
  | { readonly do: "cut" }

/** What came of it. */
export interface Outcome {
  /** From the order to the last stream. */
  readonly seconds: number
  /** Of `open`: from the order until a stream was there, in ms. */
  readonly p50: number
  readonly p99: number
  /** Bytes of events that were read. */
  readonly bytes: number
  /** Why the run does not count. */
  readonly failure?: string
}

const SILENCE_MS = 60_000

if (process.argv[1] === import.meta.filename) main(Number(process.argv[2]))

function main(port: number): void {
  let streams: Subscriber[] = []
  let tally = new Tally()
  let isCutting = false
  const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`)
  const lines = createInterface({ input: process.stdin })
  lines.on("line", async (line) => say(await obey(JSON.parse(line) as Order)))
  lines.on("close", () => process.exit())

  async function obey(order: Order): Promise<Outcome> {
    const started = monotonic()
    const arrivals = new Latency()
    const read = tally.bytes
    if (order.do === "cut") {
      isCutting = true
      for (const stream of streams) stream.close()
      streams = []
      await sleep(50)
      isCutting = false
      tally = new Tally()
    } else if (order.do === "open") await open(order, (at) => arrivals.add(at - started))
    else await settled(() => streams.every(({ lines: { sequence } }) => sequence.last >= order.until))
    const { lost, duplicated, reordered, gaps, faults, faultText } = tally
    const bad = Object.entries({ lost, duplicated, reordered, gaps }).filter(([, count]) => count > 0)
    const failure = faults > 0 ? faultText : bad.map(([what, count]) => `${count} ${what}`).join(", ")
    return {
      seconds: (monotonic() - started) / 1e9,
      p50: arrivals.quantile(0.5),
      p99: arrivals.quantile(0.99),
      bytes: tally.bytes - read,
      ...(failure && { failure }),
    }
  }

  async function open(order: Order & { do: "open" }, onThere: (at: number) => void): Promise<void> {
    const { count, path, atOnce = count, after, last = 0, until } = order
    let opened = 0
    let there = 0
    const isThere = (): void => {
      there++
      onThere(monotonic())
    }
    const dial = (): void => {
      if (opened === count) return
      const stream = new Subscriber({
        port,
        path: path.replace("%", String(++opened)),
        headers: after === undefined ? "" : `Last-Event-ID: ${after}\r\n`,
        tally,
        size: 200,
        onOpen: () => {
          if (until === undefined) isThere()
          dial()
        },
        onClose: () => void (isCutting || tally.fault("a stream was closed")),
        ...(until !== undefined && { goal: { number: until, reached: isThere } }),
      })
      stream.lines.sequence.last = last
      streams.push(stream)
    }
    for (let i = 0; i < Math.min(atOnce, count); i++) dial()
    await settled(() => there === count)
  }

  /** Waits; gives up when nothing has arrived for a minute. */
  async function settled(isDone: () => boolean): Promise<void> {
    let heard = monotonic()
    for (let read = tally.bytes; !isDone(); await sleep(2)) {
      if (tally.bytes !== read) {
        heard = monotonic()
        read = tally.bytes
      } else if (monotonic() - heard > SILENCE_MS * 1e6) return tally.fault("nothing arrived for a minute")
    }
  }
}
