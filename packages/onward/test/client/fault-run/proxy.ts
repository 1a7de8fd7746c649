import type { Socket } from "node:net"
import { setImmediate as turn, setTimeout as wait } from "node:timers/promises"
import { breakOff, createRelay, drained } from "../../relay.ts"
import { FAULTS, type Fault, type Plan } from "./plan.ts"

export interface CuttingProxy extends AsyncDisposable {
  readonly url: string
  /** How often each happened. */
  readonly cuts: Readonly<Record<Fault, number>>
  readonly cutsInHead: number
  readonly connections: number
}

/** Longest pause between two pieces, in ms: what passes for life. */
const PAUSE = 20
const HEAD_END = "\r\n\r\n"

/** Passes connections on to a server, the answers in pieces, until each fails as planned; a plan that nothing came of is that of the next, too. */
export async function createCuttingProxy(target: number, plans: readonly Plan[]): Promise<CuttingProxy> {
  const cuts = Object.fromEntries(FAULTS.map((fault) => [fault, 0])) as Record<Fault, number>
  let cutsInHead = 0
  let made = 0

  const relay = await createRelay(
    () => target,
    ({ client, upstream }) => {
      client.pipe(upstream)
      void pass(client, upstream, plans[made] as Plan)
    },
  )

  async function pass(client: Socket, upstream: Socket, plan: Plan): Promise<void> {
    let head = ""
    /** How many bytes are left until the fault. */
    let left = plan.isInHead ? plan.at : Infinity
    try {
      // a silent server goes on writing, to nobody
      for await (const bytes of upstream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        if (!plan.isInHead && left === Infinity) {
          const before = head.length
          head += bytes.toString("latin1")
          const end = head.indexOf(HEAD_END)
          if (end >= 0) left = end + HEAD_END.length - before + plan.at
        }
        const upToCut = bytes.subarray(0, left)
        left -= upToCut.length
        await inPieces(client, upToCut, plan)
        if (client.destroyed) return
        if (left > 0 || !plan.fault) continue
        // the client may have left this connection already, so that its plan became another's
        return plan === plans[made] ? fail(client, plan.fault, plan.isInHead) : client.destroySoon()
      }
      client.end()
    } catch {
      client.resetAndDestroy() // as the server did
    }
  }

  function fail(client: Socket, fault: Fault, isInHead: boolean): void {
    made++
    cuts[fault]++
    if (isInHead) cutsInHead++
    if (fault !== "silence") breakOff(client, fault)
  }

  return {
    url: `http://127.0.0.1:${relay.port}/`,
    cuts,
    get cutsInHead() {
      return cutsInHead
    },
    get connections() {
      return relay.connections
    },
    [Symbol.asyncDispose]: () => relay[Symbol.asyncDispose](),
  }
}

/** Writes bytes so that the receiver sees them in pieces, most often, now and then with a pause. */
async function inPieces(client: Socket, bytes: Buffer, { chance }: Plan): Promise<void> {
  const largest = chance.percent(10) ? 3 : chance.percent(50) ? 1_000 : 65_536
  for (let start = 0; start < bytes.length && !client.destroyed;) {
    // a large chunk byte by byte would take the whole run's time
    const size = start > 60 ? bytes.length : 1 + chance.below(largest)
    const hasRoom = client.write(bytes.subarray(start, start + size))
    start += size
    if (!hasRoom) await drained(client)
    else await (chance.percent(1) ? wait(chance.below(PAUSE)) : turn())
  }
}
