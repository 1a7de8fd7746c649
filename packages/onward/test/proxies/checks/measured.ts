import { setTimeout as sleep } from "node:timers/promises"
import { freshTopic, inStep, type Check } from "../check.ts"
import { must, read } from "../reader.ts"
import type { Stage } from "../stage.ts"

const ROUNDS = 15
const LATE_MS = 250
const QUIET_MS = 75_000

/** From publishing to its arrival, on new connections each time; medians, because a machine has other things to do. */
export const added: Check = {
  title: "added to the first event",
  use: "plain",
  isLong: true,
  async run(stage) {
    const medians: number[] = []
    for (const { url } of [stage.origin, stage.proxy]) {
      const rounds: number[] = []
      for (let round = 0; round < ROUNDS; round++) rounds.push(await delayOfFirst(stage, url))
      medians.push(rounds.sort((a, b) => a - b)[ROUNDS >> 1] ?? Infinity)
    }
    const [direct = 0, proxied = 0] = medians
    const more = proxied - direct
    return more < 1 ? "under 1 ms" : `${Math.round(more)} ms`
  },
}

async function delayOfFirst(stage: Stage, url: string): Promise<number> {
  const topic = freshTopic()
  const reader = read(stage, `${url}/usual?topic=${topic}`)
  await must("the stream opens", () => reader.opens === 1)
  const publishedAt = performance.now()
  await inStep(stage.origin.hubs.usual, topic, 1, [reader])
  reader.leave()
  return (reader.times[0] ?? Infinity) - publishedAt
}

export const late: Check = {
  title: `of 60 events, ten a second, later than ${LATE_MS} ms`,
  use: "plain",
  isLong: true,
  async run(stage) {
    const { origin, proxy } = stage
    const topic = freshTopic()
    const reader = read(stage, `${proxy.url}/usual?topic=${topic}`)
    await must("the stream opens", () => reader.opens === 1)
    const published: number[] = []
    for (let i = 0; i < 60; i++) {
      published.push(performance.now())
      await origin.hubs.usual.publish({ topic, data: String(i) })
      await sleep(100)
    }
    await must("all come", () => reader.data.length === 60)
    return String(published.filter((at, i) => (reader.times[i] ?? Infinity) - at > LATE_MS).length)
  },
}

export const quiet: Check = {
  title: `${QUIET_MS / 1000} s without an event`,
  use: "plain",
  isLong: true,
  async run(stage) {
    const { origin, proxy } = stage
    const topic = freshTopic()
    const reader = read(stage, `${proxy.url}/usual?topic=${topic}`)
    await must("the stream opens", () => reader.opens === 1)
    await sleep(QUIET_MS)
    const count = await inStep(origin.hubs.usual, topic, 1, [reader])
    return count === 1 && reader.opens === 1 ? "alive" : `cut ${reader.opens - 1} times`
  },
}
