import { get } from "node:http"
import { freshTopic, HELD, inStep, type Check } from "./check.ts"
import { caching } from "./checks/caching.ts"
import { http2 } from "./checks/http2.ts"
import { late, added, quiet } from "./checks/measured.ts"
import { resume } from "./checks/resume.ts"
import { holds, must, read } from "./reader.ts"

/** How long a proxy may take to pass on that a client has left, before an event is published to help it, in ms. */
const NOTICE = 2_000

/** How many writes it may take then. */
const MOST_WRITES = 4

/** The head and the opening comment come before there is any event, and each event before the next one is published. */
export const oneByOne: Check = {
  title: "each event arrives before the next is published",
  use: "plain",
  async run(stage) {
    const { origin, proxy } = stage
    const topic = freshTopic()
    const hub = origin.hubs.usual
    const reader = read(stage, `${proxy.url}/usual?topic=${topic}`)
    const opening = opensWith(`${proxy.url}/usual?topic=${topic}`)
    stage.after(opening.leave)
    await must("two streams reach the server", () => hub.stats().connections === 2)
    if (!(await holds(() => opening.text.includes(": heartbeat")))) {
      opening.leave()
      await hub.publishMany(Array.from({ length: 9 }, (_, i) => ({ topic, data: String(i) })))
      await hub.publish({ topic, data: "end" })
      await must("what was held comes at the end", () => reader.data.length === 10)
      return HELD
    }
    opening.leave()
    const count = await inStep(hub, topic, 20, [reader])
    return `${count} of 20`
  },
}

const post: Check = {
  title: "POST",
  use: "plain",
  async run(stage) {
    const { origin, proxy } = stage
    const topic = freshTopic()
    const reader = read(stage, `${proxy.url}/usual`, { body: topic })
    await must("the stream opens", () => reader.opens === 1)
    return `${await inStep(origin.hubs.usual, topic, 5, [reader])} of 5`
  },
}

/** A stream without heartbeats shows that there is a limit; one with them outlives it. */
const heartbeats: Check = {
  title: "a short idle limit",
  use: "impatient",
  async run(stage) {
    const { origin, proxy } = stage
    const topic = freshTopic()
    const silent = read(stage, `${proxy.url}/silent?topic=${topic}`, { retry: false })
    const lively = read(stage, `${proxy.url}/lively?topic=${topic}`)
    await must("both open", () => silent.opens + lively.opens === 2)
    if (!(await holds(() => silent.ending !== undefined))) return "none found"
    const count = await inStep(origin.hubs.lively, topic, 1, [lively])
    return count === 1 && lively.opens === 1 ? "only heartbeats pass it" : "cuts heartbeats too"
  },
}

const leaving: Check = {
  title: "the server detects that a client disconnected",
  use: "plain",
  async run(stage) {
    const { origin, proxy } = stage
    const topic = freshTopic()
    const hub = origin.hubs.silent
    const isGone = () => hub.stats().connections === 0
    const reader = read(stage, `${proxy.url}/silent?topic=${topic}`)
    await must("the stream opens", () => reader.opens === 1)
    reader.leave()
    if (await holds(isGone, NOTICE)) return "at once"
    // the first write makes the proxy find out, what is left of its buffers is read, then the connection is closed
    for (let writes = 0; writes < MOST_WRITES; writes++) {
      await hub.publish({ topic, data: "anybody there?" })
      if (await holds(isGone, 500)) return `within ${MOST_WRITES} more writes`
    }
    return "no"
  },
}

const compressing: Check = {
  title: "compression, turned on for event streams",
  use: "compressing",
  async run(stage) {
    const { origin, proxy } = stage
    const topic = freshTopic()
    const headers = { "accept-encoding": "gzip" }
    const response = await fetch(`${proxy.url}/text`, { headers })
    await response.text()
    if (response.headers.get("content-encoding") !== "gzip")
      throw new Error("it compresses nothing, which proves nothing")
    const reader = read(stage, `${proxy.url}/usual?topic=${topic}`, { headers })
    await must("the stream opens", () => reader.opens === 1)
    const count = await inStep(origin.hubs.usual, topic, 10, [reader])
    return `${reader.encoding === null ? "leaves it alone" : `does it (${reader.encoding})`}: ${count} of 10`
  },
}

/** In the order they are made; `resume` ends by what it does to the proxy. */
export const checks: readonly Check[] = [
  oneByOne,
  added,
  late,
  post,
  quiet,
  heartbeats,
  leaving,
  resume,
  compressing,
  caching,
  http2,
]

/** The body of an answer, as far as it came. */
function opensWith(url: string): { readonly text: string; leave(): void } {
  let text = ""
  const request = get(url, { agent: false, headers: { accept: "text/event-stream" } }, (response) => {
    response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk))
    response.on("error", () => {})
  })
  request.on("error", () => {})
  return {
    get text() {
      return text
    },
    leave: () => void request.destroy(),
  }
}
