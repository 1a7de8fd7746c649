/**
 * The NATS log beside the bare client doing the same, on one nats-server of its own.
 * Run: `node --conditions=onward-source bench/nats.ts`
 *
 * Contenders take turns in slices of half a second; the table has medians, the ratio is the median of the rounds' ratios. The
 * bare client publishes each message by itself, on a subject a topic, and awaits its acknowledgement; with a batch it has all
 * of them under way at once, which is not all or nothing. The tail is another connection that follows while one publishes
 * batches: an ordered consumer, and a log that reads on whenever woken.
 */
import { DeliverPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream"
import { connect, type NatsConnection } from "@nats-io/transport-node"
import type { StoredMessage } from "onward/log"
import { natsLog } from "onward/nats"
import { startNats } from "../packages/onward/test/stores/nats.ts"

const ROUNDS = 7
const SLICE = 500

/** Messages until `deadline`. */
type Contender = (deadline: number) => Promise<number>

const data = JSON.stringify({ symbol: "ACME", price: 12.5, volume: 1000, note: "x".repeat(140) })
const message = (i: number): StoredMessage => ({ topic: `prices/${i % 50}`, event: "tick", data })
const batch = Array.from({ length: 100 }, (_, i) => message(i))
const one = [message(1)]

const server = await startNats()
const open = (): Promise<NatsConnection> => connect({ servers: server.address })
const theirs = await open()

const manager = await jetstreamManager(theirs)
await manager.streams.add({ name: "BARE", subjects: ["bare.*.*"], max_msgs: 100_000 })
const js = jetstream(theirs)
const log = natsLog(await open())
const tail = natsLog(await open())

/** Calls of `lanes` at once, each awaited before its lane's next. */
function lanes(count: number, size: number, call: () => Promise<unknown>): Contender {
  return async (deadline) => {
    let total = 0
    const lane = async (): Promise<void> => {
      while (performance.now() < deadline) {
        await call()
        total += size
      }
    }
    await Promise.all(Array.from({ length: count }, lane))
    return total
  }
}

const publish = ({ topic, data }: StoredMessage): Promise<unknown> =>
  js.publish(`bare.${topic.replace("/", ".")}`, data)
const publishAll = (): Promise<unknown> => Promise.all(batch.map(publish))

/** Begins to follow; resolves to what waits until so many messages have come. */
type Follow = () => Promise<(wanted: () => number) => Promise<void>>

/** Counts what was published by the time the tail has got all of it. */
function followed(publish: Contender, follow: Follow): Contender {
  return async (deadline) => {
    let published = Infinity
    const until = await follow()
    const following = until(() => published)
    published = await publish(deadline)
    await following
    return published
  }
}

const followLog: Follow = async () => {
  let { last: after } = await tail.bounds()
  let wake = (): void => {}
  const stop = await tail.watch(() => wake())
  return async (wanted) => {
    for (let count = 0; count < wanted();) {
      const woken = new Promise<void>((resolve) => (wake = resolve))
      const { entries, next } = await tail.read({ after, limit: 512 })
      count += entries.length
      if (next === after) await Promise.race([woken, pause(20)])
      after = next
    }
    await stop()
  }
}

const theirTail = jetstream(await open())
const followBare: Follow = async () => {
  const { state } = await manager.streams.info("BARE")
  const consumer = await theirTail.consumers.get("BARE", {
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: state.last_seq + 1,
  })
  const messages = await consumer.consume()
  let count = 0
  const reading = (async () => {
    for await (const { data } of messages) if (data.length > 0) count += 1
  })()
  return async (wanted) => {
    while (count < wanted()) await pause(5)
    messages.stop()
    await reading
  }
}

const pause = (delay: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, delay))

const rows: readonly (readonly [name: string, ours: Contender, bare: Contender])[] = [
  [
    "one awaited after the other",
    lanes(1, 1, () => log.append(one)),
    lanes(1, 1, () => publish(one[0] as StoredMessage)),
  ],
  ["64 at once", lanes(64, 1, () => log.append(one)), lanes(64, 1, () => publish(one[0] as StoredMessage))],
  ["batches of 100", lanes(1, 100, () => log.append(batch)), lanes(1, 100, publishAll)],
  ["4 batches of 100 at once", lanes(4, 100, () => log.append(batch)), lanes(4, 100, publishAll)],
  [
    "batches of 100, followed",
    followed(
      lanes(1, 100, () => log.append(batch)),
      followLog,
    ),
    followed(lanes(1, 100, publishAll), followBare),
  ],
]

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] as number

async function rate(contender: Contender): Promise<number> {
  const start = performance.now()
  return ((await contender(start + SLICE)) / (performance.now() - start)) * 1000
}

const number = (value: number): string => Math.round(value).toLocaleString("en")
const line = (...cells: readonly string[]): void => console.log(`| ${cells.join(" | ")} |`)

line("messages a second", "natsLog", "bare client", "ratio")
line("---", "---:", "---:", "---:")
for (const [name, ours, bare] of rows) {
  await ours(performance.now() + 100)
  await bare(performance.now() + 100)
  const rounds: [ours: number, bare: number][] = []
  for (let i = 0; i < ROUNDS; i++) rounds.push([await rate(ours), await rate(bare)])
  const ratio = median(rounds.map(([ours, bare]) => ours / bare))
  const medians = [median(rounds.map(([ours]) => ours)), median(rounds.map(([, bare]) => bare))] as const
  line(name, number(medians[0]), number(medians[1]), ratio.toFixed(2))
}

// how long a process takes that starts while the log is full
for (let i = 0; i < 1000; i++) await log.append(batch)
const start = performance.now()
const late = natsLog(await open())
const { first } = await late.bounds()
const { length } = (await late.read({ after: first, limit: 1_000_000 })).entries
console.log(
  `\nA process that opens the log has its ${number(length)} entries after ${number(performance.now() - start)} ms.`,
)

await Promise.all([log, tail, late].map((each) => each.close()))
process.exit(0)
