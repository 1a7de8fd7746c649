import { join } from "node:path"
import type { Entry, Log } from "onward"
import { eventStore } from "onward/mcp"
import { createRuns } from "onward/runs"
import { sqliteLog } from "onward/sqlite"
import { lines } from "../../../../onward/test/runs/lines.ts"
import { textOf } from "../../../../onward/test/runs/text-of.ts"
import { publish } from "../requests.ts"
import type { Attack, Stage } from "../stage.ts"

const EVENTS = ["run.open", "run.delta", "run.beat", "run.end", "run.delete", "run.seen", "run.", "mcp", "message"]
const OWNER = "ada"

/** Records of runs and MCP sessions, forged by a publisher of a hub on the same log. */
export const records: Attack = {
  name: "records",
  threats: ["S2", "S10"],
  async round(stage) {
    const log = sqliteLog(join(stage.folder, "data", "events.db"))
    try {
      await forgeRuns(stage, log)
      await forgeSessions(stage, log)
    } finally {
      await log.close()
    }
  },
}

async function forgeRuns(stage: Stage, log: Log): Promise<void> {
  const { chance, count, fail } = stage
  const id = `run-${chance.below(1e9)}`
  await using runs = createRuns({ log: { ...log, close: async () => {} }, format: lines })
  let goOn = (): void => {}
  const paused = new Promise<void>((resolve) => (goOn = resolve))
  await runs.start(
    id,
    async function* () {
      yield "Once "
      await paused
      yield "upon a time"
    },
    { owner: OWNER },
  )
  const watching = textOf(runs.attach(id, { owner: OWNER }))
  const topics = new Set((await newest(log)).map(({ topic }) => topic).filter((topic) => topic.includes(id)))
  if (topics.size === 0) fail("no record of the run was found in the log: the attack does not aim")
  for (const topic of topics) await forge(stage, topic, id)
  goOn()
  const text = await watching
  if (text !== "Once upon a time[completed]")
    fail(`a run whose records were forged was read as ${JSON.stringify(text)}`)
  count("runs")
}

async function forgeSessions(stage: Stage, log: Log): Promise<void> {
  const { chance, count, fail } = stage
  const session = `session-${chance.below(1e9)}`
  const store = eventStore(log, { session })
  const sent: unknown[] = []
  const told = [1, 2, 3].map((n) => ({ jsonrpc: "2.0", method: "notifications/message", params: { n } }))
  const first = await store.storeEvent("s", {})
  const topics = new Set((await newest(log)).map(({ topic }) => topic).filter((topic) => topic.includes(session)))
  if (topics.size === 0) fail("no record of the MCP session was found in the log: the attack does not aim")
  for (const message of told) {
    await store.storeEvent("s", message)
    for (const topic of topics) await forge(stage, topic, session)
  }
  await store.replayEventsAfter(first, { send: async (_, message) => void sent.push(message) })
  if (JSON.stringify(sent) !== JSON.stringify(told))
    fail(`an MCP session whose records were forged was replayed as ${JSON.stringify(sent)}`)
  count("sessions")
}

/** On the topic itself, and on those that resemble it. */
async function forge({ hub, chance, count, fail }: Stage, topic: string, id: string): Promise<void> {
  const near = [
    topic.slice("stream.".length),
    ` ${topic}`,
    `${topic} `,
    topic.toUpperCase(),
    `run/${id}`,
    `mcp/${id}`,
    `run/=${OWNER}/${id}`,
  ]
  for (const each of [topic, topic, ...near]) {
    const event = chance.pick(EVENTS)
    const data = {
      mark: "x",
      by: "x",
      status: chance.pick(["stopped", "failed", "completed"]),
      n: chance.below(9),
      frames: ["forged"],
    }
    const { status, text } = await publish(hub.port, { topic: each, event, data })
    if (each === topic && status !== 400)
      fail(`publishing on the topic ${topic} of a record was answered ${status}: ${text}`)
    if (status !== 200 && status !== 400) fail(`publishing on the topic ${each} was answered ${status}: ${text}`)
    count("forged records")
  }
}

async function newest(log: Log): Promise<readonly Entry[]> {
  const after = (await log.locate({ last: 50 })) ?? ""
  return (await log.read({ after, limit: 1_000 })).entries
}
