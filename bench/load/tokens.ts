import { setTimeout as sleep } from "node:timers/promises"
import { monotonic } from "./clock.ts"
import type { LoadOptions } from "./options.ts"
import { Subscriber } from "./subscriber.ts"
import type { Tally } from "./tally.ts"

/** Opens all streams at once and waits until each has had its tokens and ended; returns how many tokens are missing. */
export async function readTokens(options: LoadOptions, tally: Tally): Promise<number> {
  const { connections, count = 0, grace = 30 } = options
  for (let i = 0; i < connections; i++) {
    new Subscriber({
      port: options.port,
      path: `/tokens?n=${count}&ms=0`,
      tally,
      size: 0,
      onOpen: () => undefined,
      onClose: ({ ended }) => {
        if (!ended) tally.fault("a token stream was cut")
      },
    })
  }
  const deadline = monotonic() + grace * 1e9
  while (tally.ended < connections && monotonic() < deadline) await sleep(5)
  if (tally.ended < connections) tally.fault(`${connections - tally.ended} streams did not end`)
  return connections * count - tally.delivered - tally.lost
}
