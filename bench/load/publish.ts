import { setTimeout as sleep } from "node:timers/promises"
import type { LoadOptions } from "./options.ts"
import { Publisher } from "./publisher.ts"
import type { Tally } from "./tally.ts"

/** Keep-alive publishers that each send the next event as soon as the last was answered; returns the number of answers. */
export async function publishLoops(options: LoadOptions, tally: Tally): Promise<number> {
  const { port, connections, size = 200, seconds = 2 } = options
  let answers = 0
  let next = 1
  let running = true
  const publishers = Array.from({ length: connections }, () => {
    const publisher: Publisher = new Publisher({
      port,
      tally,
      size,
      onAnswer: () => {
        if (!running) return
        answers++
        publisher.send(next, next++)
      },
    })
    return publisher
  })
  for (const publisher of publishers) publisher.send(next, next++)
  await sleep(seconds * 1000)
  running = false
  for (const publisher of publishers) publisher.close()
  return answers
}
