import { setTimeout as wait } from "node:timers/promises"
import type { Socket } from "node:net"
import { ask, open } from "../requests.ts"
import { scaled, type Attack, type Stage } from "../stage.ts"

const MEMBERS = 2_000
const FOLLOWERS = 50
/** How long members flap in one round, in ms. */
const FLAP_MS = 2_000
/** How long the hub may take to forget members on a busy machine, in ms. */
const FORGET_MS = 60_000

const NAMES = ["__proto__", "constructor", "é", "\u202e", "\ufeff", "<script>", "\n\n", "\0", '"}', "🦊", " "]
const TOPICS = [...NAMES, "room", "room/1", "x".repeat(480), "../..", "%2e", "toString"]

const streamOf = (topic: string, userId: string): string =>
  `GET /events?topic=${encodeURIComponent(topic)}&userId=${encodeURIComponent(userId)} HTTP/1.1\r\nHost: localhost\r\n\r\n`

/** Members with strange names on strange topics that come and go as fast as they can, followed by presence streams. */
export const presence: Attack = {
  name: "presence",
  threats: ["S12", "S21"],
  args: ["--presence", "*", "--presence-grace", "100ms", "--max-streams-per-address", "20000"],
  async round(stage) {
    const { hub, chance, count } = stage
    const sockets = new Set<Socket>()
    const join = async (request: string): Promise<void> => {
      const socket = await open(hub.port, request)
      count("streams")
      if (socket) sockets.add(socket.resume().once("close", () => sockets.delete(socket)))
    }
    const nameOf = (i: number): string => `${chance.pick(NAMES)}${i}${"y".repeat(chance.pick([0, 0, 200]))}`
    const member = (): Promise<void> => join(streamOf(chance.pick(TOPICS), nameOf(chance.below(MEMBERS))))
    try {
      const query = TOPICS.map((topic) => `topic=${encodeURIComponent(topic)}`).join("&")
      const follower = `GET /presence/events?${query} HTTP/1.1\r\nHost: localhost\r\n\r\n`
      await Promise.all(Array.from({ length: scaled(stage, FOLLOWERS) }, () => join(follower)))
      for (let i = scaled(stage, MEMBERS); i > 0; i -= 100)
        await Promise.all(Array.from({ length: Math.min(i, 100) }, member))
      await checkNames(stage, join)
      for (const since = performance.now(); !stage.isOver() && performance.now() - since < FLAP_MS;) {
        const [oldest] = sockets
        oldest?.destroy()
        await member()
      }
    } finally {
      for (const socket of sockets) socket.destroy()
    }
    await checkForgotten(stage)
  },
}

/** Presence tells the names as they were given, sorted, each once. */
async function checkNames(stage: Stage, join: (request: string) => Promise<void>): Promise<void> {
  const topic = `names/${stage.chance.below(1e9)}`
  for (const name of [...NAMES, ...NAMES]) await join(streamOf(topic, name))
  const expected = JSON.stringify([...NAMES].sort())
  let told = ""
  for (const since = performance.now(); told !== expected && performance.now() - since < FORGET_MS;) {
    const { text } = await ask(stage.hub.port, { path: `/presence?topic=${encodeURIComponent(topic)}` })
    const { topics } = JSON.parse(text) as { topics: readonly { readonly userIds: readonly string[] }[] }
    told = JSON.stringify(topics[0]?.userIds)
    await wait(50)
  }
  if (told !== expected) stage.fail(`presence told the users ${told}, not ${expected}`)
}

async function checkForgotten(stage: Stage): Promise<void> {
  let streams = -1
  const path = `/presence?${TOPICS.map((topic) => `topic=${encodeURIComponent(topic)}`).join("&")}`
  for (const since = performance.now(); streams !== 0 && performance.now() - since < FORGET_MS;) {
    await wait(50)
    const { text } = await ask(stage.hub.port, { path })
    const { topics } = JSON.parse(text) as { topics: readonly { readonly streams: number }[] }
    streams = topics.reduce((sum, each) => sum + each.streams, 0)
  }
  if (streams !== 0) stage.fail(`presence still counts ${streams} streams that have ended`)
}
