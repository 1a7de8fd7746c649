// Subscribers, each coming back to any of the hubs; what each is handed goes to a file, line by line.
import { setTimeout as wait } from "node:timers/promises"
import { stream, type Gap } from "../../../src/client/node.ts"
import { nodeFetch } from "../../../src/client/node-fetch.ts"
import { Chance } from "../../hub/simulation/chance.ts"
import { createJournal } from "../history.ts"
import { nameOf, selectionOf } from "../messages.ts"

const { seed, count, hubs, file } = JSON.parse(process.argv[2] ?? "") as {
  readonly seed: number
  readonly count: number
  /** Ports. */
  readonly hubs: readonly number[]
  readonly file: string
}
const journal = createJournal(file)
const counts = {
  /** By all. */
  received: 0,
  /** Subscribers that have got something. */
  begun: 0,
  /** How many messages there were: what the first subscriber has got, which gets all. */
  published: 0,
}
const calm = new AbortController()

process.on("disconnect", () => process.exit())
process.on("message", (message: "calm" | "flush") => {
  if (message === "calm") calm.abort()
  journal.flush()
  process.send?.(counts)
  if (message === "flush") process.send?.({ isFlushed: true })
})

/** eager: takes what comes · slow: takes its time · sleeper: leaves now and then, and comes back when much has happened */
type Habit = "eager" | "slow" | "sleeper"

async function subscribe(number: number): Promise<void> {
  const chance = new Chance(seed + number)
  const habit: Habit = number > 0 && number % 10 === 0 ? "slow" : number % 10 === 5 ? "sleeper" : "eager"
  const { topics = [], patterns = [] } = selectionOf(number)
  const query = new URLSearchParams([
    ...topics.map((topic) => ["topic", topic]),
    ...patterns.map((pattern) => ["pattern", pattern]),
  ])
  let lastEventId = ""
  let hasBegun = false
  for (;;) {
    const events = stream(`http://127.0.0.1/events?${query}`, {
      lastEventId,
      retry: { base: 50, max: 500 },
      idleTimeout: 4_000,
      connectTimeout: 4_000,
      fetch: (url, init) => nodeFetch(url.replace("127.0.0.1", `127.0.0.1:${chance.pick(hubs)}`), init),
      onGap: ({ reason, from, to }: Gap) => journal.write([number, { reason, from, to }]),
    })
    let left = habit === "sleeper" && !calm.signal.aborted ? 1 + chance.below(100) : Infinity
    for await (const { data, event } of events) {
      // an event of the stream's own, or a message that is not whole, has no name: the checker will not know it
      journal.write([number, (event === "message" && nameOf(data)) || `${event}: ${data}`])
      counts.received++
      if (!hasBegun) counts.begun++
      hasBegun = true
      if (number === 0) counts.published++
      if (--left === 0) break
      if (habit === "slow" && chance.percent(10)) await wait(chance.below(20))
    }
    lastEventId = events.lastEventId
    const until = counts.published + chance.below(1_500)
    while (!calm.signal.aborted && counts.published < until) await wait(100)
  }
}

for (let number = 0; number < count; number++) {
  subscribe(number).catch((error: unknown) => {
    console.log(`subscriber ${number}:`, error)
    process.send?.({ failed: `subscriber ${number}: ${String(error)}` })
  })
}
setInterval(() => process.send?.(counts), 200)
