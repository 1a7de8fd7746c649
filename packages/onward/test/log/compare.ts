import assert from "node:assert/strict"
import { systemClock, type Clock } from "../../src/clock.ts"
import {
  createEpoch,
  formatPosition,
  parsePosition,
  type Log,
  type Retention,
  type StoredMessage,
} from "../../src/log/index.ts"
import { seededRandom } from "../../src/seeded-random.ts"
import { NaiveLog } from "./naive-log.ts"

/** Where the randomness of comparisons starts. */
export const SEED = Number(process.env["ONWARD_SEED"] ?? 1)
const TOPICS = ["a", "b", "c", "d/é", "never"]

type Random = ReturnType<typeof randomFrom>

/** Seeded choices: whole numbers, chances and picks. */
export function randomFrom(seed: number) {
  const next = seededRandom(seed)
  const below = (limit: number): number => Math.floor(next() * limit)
  return {
    below,
    chance: (probability: number): boolean => next() < probability,
    pick: <T>(items: readonly T[]): T => items[below(items.length)] as T,
  }
}

function randomRetention({ chance, below }: Random): Retention {
  const limits = () => ({
    ...(chance(0.5) && { count: below(15) }),
    ...(chance(0.3) && { bytes: below(150) }),
    ...(chance(0.3) && { age: below(40) }),
  })
  return { ...limits(), ...(chance(0.5) && { topic: limits() }) }
}

const randomMessages = ({ chance, below, pick }: Random): StoredMessage[] =>
  Array.from({ length: below(7) }, () => ({
    topic: pick(TOPICS.slice(0, 4)),
    data: "é\n".repeat(below(8)),
    ...(chance(0.2) && { id: `id ${below(12)}` }),
    ...(chance(0.2) && { idempotencyKey: `key ${below(12)}` }),
    ...(chance(0.2) && { event: pick(["tick", ""]) }),
    ...(chance(0.1) && { retry: below(5000) }),
  }))

/** Does the same random things to a log and to the naive one, and compares every answer. `reopen` gives another handle. */
export async function compare(
  seed: number,
  steps: number,
  open: (options: { retention: Retention; clock: Clock }) => Log,
  reopen: boolean,
) {
  const random = randomFrom(seed)
  const { chance, below, pick } = random
  let now = 1000
  let stored = 0
  // a time of day that is set back lets no time pass
  const clock = { ...systemClock, now: () => now, monotonic: () => Math.max(stored, now) }
  const options = { retention: randomRetention(random), clock }
  let log = open(options)
  const { last } = await log.bounds()
  const epoch = parsePosition(last)?.epoch ?? ""
  const naive = new NaiveLog(epoch, options.retention)

  const somewhere = (): string => {
    if (chance(0.05)) return formatPosition(createEpoch(), below(20))
    return formatPosition(epoch, chance(0.05) ? naive.last + 1 + below(50) : below(naive.last + 1))
  }
  const someTopics = () => (chance(0.5) ? { topics: TOPICS.filter(() => chance(0.5)) } : {})

  for (let step = 0; step < steps; step++) {
    const action = below(10)
    if (action < 4) {
      // several at once: they share a commit, and count one after the other
      const batches = Array.from({ length: 1 + below(3) }, () => randomMessages(random))
      const appended = await Promise.all(batches.map((messages) => log.append(messages)))
      assert.deepEqual(
        appended,
        batches.map((messages) => naive.append(messages, now)),
      )
      stored = naive.time
    } else if (action === 4) {
      now += below(30) - 5
      await log.trim?.()
      naive.trim(now)
    } else if (action < 8) {
      const query = { after: somewhere(), limit: 1 + below(12), ...someTopics() }
      assert.deepEqual(await log.read(query), naive.read(query), `read ${JSON.stringify(query)}`)
    } else if (action === 8) {
      const landmark = pick([
        {
          id: `id ${below(12)}`,
          ...someTopics(),
          ...(chance(0.3) && { matches: (topic: string) => topic === "b" || topic === "d/é" }),
        },
        { since: now - below(100) },
        { last: below(20), ...someTopics() },
      ])
      assert.deepEqual(await log.locate(landmark), naive.locate(landmark), `locate ${JSON.stringify(landmark)}`)
    } else {
      assert.deepEqual(await log.bounds(), naive.bounds())
      if (reopen && chance(0.2)) {
        await log.close()
        log = open(options)
      }
    }
  }
  await log.close()
}

/** Compares with so many seeds; a failure names its own. */
export async function compareMany(runs: number, run: (seed: number) => Promise<void>): Promise<void> {
  for (let i = 0; i < runs; i++) {
    const seed = SEED + i
    await run(seed).catch((error: unknown) => {
      throw new Error(`with ONWARD_SEED=${seed}`, { cause: error })
    })
  }
}
