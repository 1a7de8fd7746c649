import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { Helper } from "../run/process.ts"
import { cpuSeconds, residentKiB } from "../run/usage.ts"
import type { Order, Outcome } from "./load.ts"
import type { Command, Published, ServeOptions, Usage } from "./serve.ts"

/** A hub on core 0 and its readers on core 1, each a process. */
export interface Pair {
  readonly pid: number
  tell(command: Command & { do: "publish" }): Promise<Published>
  usage(): Promise<Usage>
  /** Resident memory after a garbage collection, in KiB. */
  memory(): Promise<number>
  order(order: Order): Promise<Outcome>
  /** CPU seconds of the hub while `work` runs, and until it has nothing left to do. Throws when a reader saw a fault. */
  cpuOf(work: () => Promise<Outcome>): Promise<Outcome & { readonly cpu: number }>
  stop(): Promise<void>
}

const MINUTES = 20 * 60

/** @param file another server than the hub, with the same options and its port as its first line */
export async function startPair(options: ServeOptions, file = "serve.ts"): Promise<Pair> {
  const flags = ["--expose-gc", "--max-old-space-size=8192", ...(process.env["PROFILE"] ? ["--cpu-prof"] : [])]
  const hub = new Helper({ core: 0, flags, file: join(import.meta.dirname, file), args: [JSON.stringify(options)] })
  const { port } = await hub.hear<{ port: number }>(MINUTES)
  const load = new Helper({ core: 1, file: join(import.meta.dirname, "load.ts"), args: [String(port)] })
  const ask = async <T>(helper: Helper, question: object): Promise<T> => {
    helper.say(JSON.stringify(question))
    return helper.hear<T>(MINUTES)
  }
  const order = (what: Order): Promise<Outcome> => ask(load, what)
  return {
    pid: hub.pid,
    tell: (command) => ask(hub, command),
    usage: () => ask(hub, { do: "usage" }),
    async memory() {
      await ask(hub, { do: "collect" })
      return residentKiB(hub.pid)
    },
    order,
    async cpuOf(work) {
      const before = cpuSeconds(hub.pid)
      const outcome = await work()
      await quiet(hub.pid)
      if (outcome.failure) throw new Error(`The readers saw a fault: ${outcome.failure}`)
      return { ...outcome, cpu: cpuSeconds(hub.pid) - before }
    },
    async stop() {
      await load.stop()
      await hub.stop()
    },
  }
}

/** Waits until a process uses less than 2 % of a core. */
export async function quiet(pid: number): Promise<void> {
  for (let used = cpuSeconds(pid), rounds = 0; rounds < 50; rounds++) {
    await sleep(200)
    const now = cpuSeconds(pid)
    if (now - used < 0.004) return
    used = now
  }
}
