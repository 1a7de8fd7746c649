// `npm run bench -- webhooks`, or this file with `[--events 500] [--rounds 4] [--delay 200] [--no-netns]`: how fast a hub tells its webhooks. Two hubs do the
// same in turn: one has a receiver that answers at once, the other has a second receiver too, which answers each delivery after a delay.
import { once } from "node:events"
import { createServer, type Server } from "node:http"
import { loadavg } from "node:os"
import type { AddressInfo } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { parseArgs } from "node:util"
import { close, openStreams, startHub, type Hub } from "./run/hub.ts"
import { enterNamespace } from "./run/netns.ts"
import { spread } from "./run/statistics.ts"
import { markdown } from "./run/tables.ts"

const { values: flags } = parseArgs({
  allowNegative: true,
  options: {
    events: { type: "string", default: "500" },
    rounds: { type: "string", default: "4" },
    delay: { type: "string", default: "200" },
    netns: { type: "boolean", default: true },
  },
})
const [events, rounds, delay] = [Number(flags.events), Number(flags.rounds), Number(flags.delay)]
if (flags.netns) enterNamespace()
// the hub refuses variables that begin like its own and that it does not know
delete process.env["ONWARD_BENCH_NETNS"]

interface Receiver {
  readonly server: Server
  readonly url: string
  /** The deliveries so far. */
  count: number
}

async function startReceiver(answersAfter: number): Promise<Receiver> {
  const server = createServer((req, res) => {
    receiver.count++
    req.resume()
    if (answersAfter === 0) res.writeHead(204).end()
    else setTimeout(() => res.writeHead(204).end(), answersAfter)
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  const receiver: Receiver = { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, count: 0 }
  return receiver
}

interface Subject {
  readonly what: string
  readonly hub: Hub
  readonly fast: Receiver
  readonly slow: Receiver | undefined
  readonly perSecond: number[]
  readonly cpu: number[]
  /** How many of a round's events the slow receiver had when the fast one had all. */
  readonly slowHad: number[]
}

async function startSubject(what: string, hasSlow: boolean): Promise<Subject> {
  const fast = await startReceiver(0)
  const slow = hasSlow ? await startReceiver(delay) : undefined
  const webhooks = [fast, slow].flatMap((receiver, i) =>
    receiver
      ? [
          {
            name: `w${i}`,
            url: receiver.url,
            events: ["stream.opened"],
            secret: "x".repeat(32),
            privateNetworks: ["127.0.0.1"],
          },
        ]
      : [],
  )
  return { what, hub: await startHub({ webhooks }), fast, slow, perSecond: [], cpu: [], slowHad: [] }
}

/** Opens streams, of which each is an event, and waits until the fast receiver was told of all. */
async function round({ hub, fast, slow, perSecond, cpu, slowHad }: Subject, counts: boolean): Promise<void> {
  const [before, slowBefore, cpuBefore, startedAt] = [fast.count, slow?.count ?? 0, hub.cpu(), performance.now()]
  const streams = await openStreams(hub.port, events, (i) => ({ topics: [`user/${i}`] }))
  while (fast.count < before + events) await sleep(5)
  const took = (performance.now() - startedAt) / 1_000
  if (counts) {
    perSecond.push(events / took)
    cpu.push(((hub.cpu() - cpuBefore) * 1e6) / events)
    if (slow) slowHad.push(slow.count - slowBefore)
  }
  close(streams)
}

const subjects = [
  await startSubject("one that answers at once", false),
  await startSubject(`beside one that answers after ${delay} ms`, true),
]
try {
  for (const subject of subjects) await round(subject, false)
  for (let i = 0; i < rounds; i++) {
    for (const subject of i % 2 === 0 ? subjects : subjects.toReversed()) await round(subject, true)
  }
} finally {
  for (const { hub, fast, slow } of subjects) {
    await hub.stop()
    for (const receiver of [fast, slow]) receiver?.server.close().closeAllConnections()
  }
}
console.log(
  `### webhooks\n\n${rounds} rounds of ${events} events, load ${loadavg()[0]?.toFixed(1)}. Median (least–most).\n`,
)
console.log(
  markdown([
    ["fast receiver", "events/s", "µs CPU of the hub an event, with its connect", "the slow one had then"],
    ...subjects.map(({ what, perSecond, cpu, slowHad }) => [what, spread(perSecond), spread(cpu), spread(slowHad)]),
  ]),
)
