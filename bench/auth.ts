// `npm run bench -- auth`, or this file with `[--streams 1000] [--events 100] [--sets 10000] [--rounds 3] [--only delivery] [--no-netns]`: what authentication costs
// the hub: CPU of a delivery and of a connect, with it and without, and the latency of a publish with one set of grants and with many.
import { createHmac } from "node:crypto"
import { loadavg } from "node:os"
import { setTimeout as sleep } from "node:timers/promises"
import { parseArgs } from "node:util"
import { close, openStreams, publish as publishTo, startHub as startHubWith, type Hub, type Stream } from "./run/hub.ts"
import { enterNamespace } from "./run/netns.ts"
import { figure, median } from "./run/statistics.ts"
import { markdown } from "./run/tables.ts"

const { values: flags } = parseArgs({
  allowNegative: true,
  options: {
    streams: { type: "string", default: "1000" },
    events: { type: "string", default: "100" },
    sets: { type: "string", default: "10000" },
    rounds: { type: "string", default: "3" },
    only: { type: "string" },
    netns: { type: "boolean", default: true },
  },
})
const [streams, events, sets, rounds] = [flags.streams, flags.events, flags.sets, flags.rounds].map(Number) as [
  number,
  number,
  number,
  number,
]
if (flags.netns) enterNamespace()
// the hub refuses variables that begin like its own and that it does not know
delete process.env["ONWARD_BENCH_NETNS"]

const SECRET = "a secret of more than thirty-two bytes, for the bench"
const KEY = "ok_a-key-of-more-than-32-characters-for-the-bench"

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url")

function token(user: number, subscribe: readonly string[]): string {
  const exp = Math.floor(Date.now() / 1_000) + 3_600
  const input = `${encode({ alg: "HS256" })}.${encode({ iss: "bench", aud: "hub", sub: `u${user}`, exp, onward: { subscribe } })}`
  return `${input}.${createHmac("sha256", SECRET).update(input).digest("base64url")}`
}

const startHub = (hasAuth: boolean): Promise<Hub> =>
  startHubWith({
    ...(hasAuth && {
      auth: {
        keys: [{ name: "bench", key: KEY }],
        issuers: [{ issuer: "bench", audience: "hub", secret: SECRET }],
        streamsPerUser: 1_000_000,
      },
    }),
  })

function openAll(port: number, count: number, jwtOf: (i: number) => string, shared: string[]): Promise<Stream[]> {
  return openStreams(port, count, (i) => ({ topics: [`user/${i}`, ...shared], credential: jwtOf(i) }))
}

const publish = (port: number, topic: string): Promise<void> => publishTo(port, topic, KEY)

/** CPU of a delivery in µs: streams with a topic of their own, and one that all share. */
async function delivery(hasAuth: boolean): Promise<number> {
  const hub = await startHub(hasAuth)
  const all = await openAll(hub.port, streams, (i) => token(i, [`user/${i}`, "shared"]), ["shared"])
  try {
    const total = (): number => all.reduce((sum, { bytes }) => sum + bytes, 0)
    for (let i = 0; i < 20; i++) await publish(hub.port, "shared")
    await sleep(500)
    const cpu = hub.cpu()
    for (let i = 0; i < events; i++) {
      await publish(hub.port, "shared")
      await sleep(5)
    }
    for (let before = -1; before !== total(); await sleep(200)) before = total()
    return ((hub.cpu() - cpu) * 1e6) / (streams * events)
  } finally {
    close(all)
    await hub.stop()
  }
}

/** CPU of a connect in µs, with tokens that the hub has seen before. */
async function connecting(hasAuth: boolean): Promise<number> {
  const hub = await startHub(hasAuth)
  const known = Array.from({ length: 100 }, (_, i) => token(i, ["user/*"]))
  const jwtOf = (i: number): string => known[i % known.length] as string
  try {
    // not counted: the first verification of each token, and compiling
    close(await openAll(hub.port, streams, jwtOf, []))
    await sleep(500)
    const cpu = hub.cpu()
    close(await openAll(hub.port, streams, jwtOf, []))
    await sleep(500)
    return ((hub.cpu() - cpu) * 1e6) / streams
  } finally {
    await hub.stop()
  }
}

/** p99 of a publish to the topic of one stream, in ms, with so many streams. */
async function publishing(jwtOf: (i: number) => string): Promise<number> {
  const hub = await startHub(true)
  const all = await openAll(hub.port, sets, jwtOf, [])
  try {
    const times: number[] = []
    for (let i = 0; i < 1_200; i++) {
      const at = performance.now()
      await publish(hub.port, `user/${(i * 7_919) % sets}`)
      if (i >= 200) times.push(performance.now() - at)
    }
    return times.toSorted((a, b) => a - b)[Math.ceil(times.length * 0.99) - 1] as number
  } finally {
    close(all)
    await hub.stop()
  }
}

const one = token(0, ["user/*"])
const pairs: [name: string, what: string, without: () => Promise<number>, having: () => Promise<number>][] = [
  ["delivery", `µs CPU of a delivery, ${streams} streams`, () => delivery(false), () => delivery(true)],
  ["connect", "µs CPU of a connect and disconnect, known token", () => connecting(false), () => connecting(true)],
  [
    "publish",
    `ms p99 of a publish, ${sets} streams, one grant set and ${sets}`,
    () => publishing(() => one),
    () => publishing((i) => token(i, [`user/${i}`, `group/${i}/*`])),
  ],
]
const rows: string[][] = []
for (const [name, what, without, having] of pairs) {
  if (flags.only !== undefined && flags.only !== name) continue
  const [a, b]: [number[], number[]] = [[], []]
  // by turns, so that what else the machine does meets both
  for (let round = 0; round < rounds; round++) {
    a.push(await without())
    b.push(await having())
  }
  const [before, after] = [median(a), median(b)]
  rows.push([what, figure(before), figure(after), figure(after / before)])
}
console.log(`### auth\n\n${rounds} rounds, load ${loadavg()[0]?.toFixed(1)}.\n`)
console.log(markdown([["", "without", "with", "ratio"], ...rows]))
