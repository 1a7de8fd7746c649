import { setTimeout as sleep } from "node:timers/promises"
import { freshTopic, inStep, type Check } from "../check.ts"
import { must, read } from "../reader.ts"

const ROUNDS = 9
const LATE_MS = 250
const QUIET_MS = 75_000

/** On new connections each time; the median, because a machine has other things to do. */
export const added: Check = {
  title: "added to the first event",
  use: "plain",
  isLong: true,
  async run(stage) {
    const { origin, proxy } = stage
    const rounds: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const topic = freshTopic()
      const direct = read(stage, `${origin.url}/usual?topic=${topic}`)
      const proxied = read(stage, `${proxy.url}/usual?topic=${topic}`)
      await must("both open", () => direct.opens + proxied.opens === 2)
      await inStep(origin.hubs.usual, topic, 1, [direct, proxied])
      rounds.push((proxied.times[0] ?? Infinity) - (direct.times[0] ?? 0))
    }
    const median = rounds.sort((a, b) => a - b)[ROUNDS >> 1] ?? Infinity
    return `${median.toFixed(1)} ms`
  },
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
