import { setTimeout as wait } from "node:timers/promises"
import type { Log } from "../../src/log/index.ts"
import type { Entry, Position } from "../../src/message.ts"
import type { Fact } from "./history.ts"
import { openLog, type LogAddress } from "./open-log.ts"

/** One who reads the store itself, past all links, and keeps everything it ever held. */
export interface Witness {
  readonly facts: readonly Fact[]
  /** What kept it from seeing everything: then the run says nothing. */
  readonly failure: string | undefined
  /** Reads to the end as it is now, however long the store is away. */
  catchUp(): Promise<void>
  stop(): Promise<void>
}

const factOf = ({ position, topic, data, id }: Entry): Fact => ({
  position,
  topic,
  name: data.slice(0, data.indexOf(" ")),
  ...(id !== undefined && { id }),
})

/** What a log holds, from the oldest entry on, as one sees it who never looked before. */
export async function readAll(address: LogAddress): Promise<readonly Fact[]> {
  const log = await openLog(address)
  const facts: Fact[] = []
  let after = (await log.bounds()).first
  for (;;) {
    const page = await log.read({ after, limit: 500 })
    facts.push(...page.entries.map(factOf))
    if (page.next === after) break
    after = page.next
  }
  await log.close()
  return facts
}

export async function createWitness(log: Log): Promise<Witness> {
  const facts: Fact[] = []
  let after: Position | undefined
  let failure: string | undefined
  const over = new AbortController()
  let turn: Promise<unknown> = Promise.resolve()

  async function readOn(): Promise<void> {
    after ??= (await log.bounds()).first
    for (;;) {
      const page = await log.read({ after, limit: 500 })
      if (page.lost?.reason === "trimmed") failure = `the witness came too late for what is before ${page.lost.to}`
      facts.push(...page.entries.map(factOf))
      const next = page.lost && page.entries.length === 0 ? page.lost.to : page.next
      if (next === after) return
      after = next
    }
  }

  /** One reading after the other; false when the store was away. */
  function read(): Promise<boolean> {
    const reading = turn.then(readOn).then(
      () => true,
      () => false,
    )
    turn = reading
    return reading
  }

  async function follow(): Promise<void> {
    while (!over.signal.aborted) {
      await read()
      await wait(25)
    }
  }
  const following = follow()

  return {
    facts,
    get failure() {
      return failure
    },
    async catchUp() {
      while (!(await read())) await wait(100)
    },
    async stop() {
      over.abort()
      await following
      await log.close()
    },
  }
}
