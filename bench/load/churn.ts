import { setTimeout as sleep } from "node:timers/promises"
import type { LoadOptions } from "./options.ts"
import { Subscriber } from "./subscriber.ts"
import type { Tally } from "./tally.ts"

/** Slots that connect, wait for the response head, disconnect and start again; returns the number of such cycles. */
export async function churn(options: LoadOptions, tally: Tally): Promise<number> {
  const { port, connections, seconds = 3 } = options
  let cycles = 0
  let running = true
  const dial = (): void => {
    if (!running) return
    new Subscriber({
      port,
      path: "/events",
      tally,
      size: 200,
      onOpen: (subscriber) => {
        cycles++
        subscriber.close()
      },
      onClose: dial,
    })
  }
  for (let i = 0; i < connections; i++) dial()
  await sleep(seconds * 1000)
  running = false
  return cycles
}
