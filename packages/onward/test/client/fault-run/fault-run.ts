import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { setTimeout as wait } from "node:timers/promises"
import { sse } from "../../../src/adapters/node.ts"
import { createHub, memoryLog } from "../../../src/index.ts"
import { nodeFetch } from "../../../src/client/node-fetch.ts"
import type { FetchLike } from "../../../src/client/index.ts"
import { Chance } from "../../hub/simulation/chance.ts"
import { messageOf } from "./messages.ts"
import { createPlans, FAULTS, type Fault } from "./plan.ts"
import { createCuttingProxy, type CuttingProxy } from "./proxy.ts"
import { READERS } from "./readers.ts"

export const TRANSPORTS: Readonly<Record<string, FetchLike>> = { "node:http": nodeFetch, fetch }

export interface FaultRunOptions {
  readonly seed: number
  readonly events: number
  /** For each client. */
  readonly cuts: number
  readonly transports: readonly string[]
}

export interface FaultRunReport {
  readonly clients: number
  readonly delivered: number
  readonly cuts: Readonly<Record<Fault, number>>
  readonly cutsInHead: number
  readonly connections: number
  /** What each client did that it must not. */
  readonly failures: readonly string[]
}

/**
 * A server says something more often than a client waits for it, pauses of the proxy included: so much more that a busy machine is seldom
 * taken for a silent server, or clients would do little else than come back.
 */
const HEARTBEAT = 100
const TIMEOUT = 600
/** A run in which nobody receives anything for so long, in ms, has failed. */
const PATIENCE = 30_000

interface Client {
  readonly name: string
  readonly proxy: CuttingProxy
  readonly close: () => void
  received: number
}

/**
 * A hub publishes numbered events; clients of all kinds read them, each over a connection of its own that is cut again and again. Each must see
 * all of them, once, in order.
 */
export async function runFaults({ seed, events, cuts, transports }: FaultRunOptions): Promise<FaultRunReport> {
  const hub = createHub({
    log: memoryLog({ retention: { count: events, bytes: Infinity } }),
    heartbeat: HEARTBEAT,
  })
  const server = createServer((req, res) => sse(req, res, hub.subscribe({ topics: ["numbers"], from: "earliest" })))
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  let bytes = 0
  for (let number = 1; number <= events; number++) bytes += Buffer.byteLength(messageOf(seed, number).data)

  const failures: string[] = []
  const clients: Client[] = []
  const ids: string[] = []
  let published = 0

  for (const transport of transports) {
    for (const [kind, read] of Object.entries(READERS)) {
      const seedOfClient = seed + clients.length + 1
      const proxy = await createCuttingProxy(port, createPlans({ seed: seedOfClient, cuts, bytes }))
      const name = `${kind} over ${transport}`
      const fail = (what: string): void => {
        failures.push(`${name}, after ${client.received} events and ${proxy.connections} connections: ${what}`)
        client.close()
      }
      const client: Client = {
        name,
        proxy,
        received: 0,
        close: read(
          { url: proxy.url, fetch: TRANSPORTS[transport] as FetchLike, seed: seedOfClient, timeout: TIMEOUT },
          {
            onEvent(event, data, id) {
              const number = client.received + 1
              const expected = messageOf(seed, number)
              if (event !== expected.event || data !== expected.data)
                return fail(`"${data.slice(0, 80)}" as ${event} in place of number ${number}`)
              // the answer of `publish` may come after the event
              if (expected.id ? id !== expected.id : ids[number] !== undefined && id !== ids[number])
                return fail(`id ${id} at number ${number}`)
              client.received = number
            },
            onFailure: (error) => fail(String(error)),
          },
        ),
      }
      clients.push(client)
    }
  }

  const slowest = (): number => Math.min(...clients.map(({ received }) => received))
  const total = (): number => clients.reduce((sum, { received }) => sum + received, 0)

  /** Waits until something holds, unless the run has failed. */
  async function until(holds: () => boolean): Promise<void> {
    let before = total()
    for (let silence = 0; !holds() && failures.length === 0; silence += 2) {
      await wait(2)
      if (total() !== before) silence = 0
      before = total()
      if (silence > PATIENCE)
        failures.push(`nothing more came: ${clients.map(({ name, received }) => `${name} has ${received}`).join(", ")}`)
    }
  }

  const chance = new Chance(seed)
  while (published < events && failures.length === 0) {
    const size = Math.min(events - published, 1 + chance.below(chance.percent(20) ? 1_000 : 100))
    const messages = Array.from({ length: size }, (_, i) => messageOf(seed, published + 1 + i))
    for (const id of await hub.publishMany(messages)) ids[++published] = id
    // some of what is published finds clients that are live, some has to be caught up with
    if (chance.percent(50)) await until(() => clients.some(({ received }) => received === published))
    else await until(() => published - slowest() < 20_000)
  }
  await until(() => slowest() === events)

  for (const { close } of clients) close()
  const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)
  const report = {
    clients: clients.length,
    delivered: total(),
    cuts: Object.fromEntries(
      FAULTS.map((fault) => [fault, sum(clients.map(({ proxy }) => proxy.cuts[fault]))]),
    ) as Record<Fault, number>,
    cutsInHead: sum(clients.map(({ proxy }) => proxy.cutsInHead)),
    connections: sum(clients.map(({ proxy }) => proxy.connections)),
    failures,
  }
  for (const { proxy } of clients) await proxy[Symbol.asyncDispose]()
  server.close()
  await hub.close()
  return report
}
