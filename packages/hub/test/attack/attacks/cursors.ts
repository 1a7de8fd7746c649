import { publish, readUntil } from "../requests.ts"
import { scaled, type Attack, type Stage } from "../stage.ts"

const USERS = 20

/** Ids of entries and positions that users have seen, by their user. */
const seen = new Map<string, string[]>()

/** A cursor opens nothing: whatever id a user sends, it receives entries of the topics it asks for, and no others. */
export const cursors: Attack = {
  name: "cursors",
  threats: ["S10"],
  async begin(stage) {
    seen.clear()
    await say(
      stage,
      Array.from({ length: USERS * 5 }, (_, i) => `user/${i % USERS}`),
    )
  },
  async round(stage) {
    const { chance } = stage
    for (let i = scaled(stage, 50); i > 0; i--) {
      if (chance.percent(20)) await say(stage, [`user/${chance.below(USERS)}`])
      await resume(stage)
    }
  },
}

async function say(stage: Stage, topics: readonly string[]): Promise<void> {
  const { hub, chance, count } = stage
  const messages = topics.map((topic) => ({
    topic,
    data: topic,
    ...(chance.percent(50) && { id: `${topic}-${chance.below(1e9)}` }),
  }))
  const { ids } = JSON.parse((await publish(hub.port, messages)).text) as { ids: string[] }
  for (const [i, topic] of topics.entries()) {
    const own = seen.get(topic) ?? []
    own.push(ids[i] ?? "")
    if (own.length > 100) own.shift()
    seen.set(topic, own)
  }
  count("published", topics.length)
}

/** Of the user itself, of another one, or forged. */
function cursorFor({ chance }: Stage, own: string): string {
  const topic = chance.percent(30) ? own : `user/${chance.below(USERS)}`
  const stolen = chance.pick(seen.get(topic) ?? [""])
  if (chance.percent(60)) return stolen
  const at = chance.below(stolen.length + 1)
  return (
    stolen.slice(0, at) +
    chance.pick(["", "0", "~", "z", "*", "/", "999999999999"]) +
    stolen.slice(at + chance.below(2))
  )
}

async function resume(stage: Stage): Promise<void> {
  const { chance, count } = stage
  const topic = `user/${chance.below(USERS)}`
  const cursor = cursorFor(stage, topic)
  const answers = await Promise.all([cursor, `unknown ${chance.below(1e9)}`].map((id) => read(stage, topic, id)))
  const [own = "", unknown = ""] = answers
  const isForeign = [...seen].some(
    ([other, ids]) => other !== topic && ids.includes(cursor) && cursor.startsWith("user/"),
  )
  // that a position is of another topic cannot be told from one between two entries of this topic; an id of another topic is unknown
  if (isForeign && own !== unknown)
    stage.fail(`${topic} with the id ${cursor} was answered "${own}", with an unknown one "${unknown}"`)
  count("resumed")
  if (isForeign) count("with a stolen id")
}

async function read(stage: Stage, topic: string, id: string): Promise<string> {
  const { port } = stage.hub
  const asked = { path: `/events?topic=${topic}`, headers: { "last-event-id": id } }
  // a topic that says something at once, so that there is an end to wait for
  const end = `end/${stage.chance.below(1e9)}`
  await publish(port, { topic: end, data: "the end" })
  const reading = readUntil(port, { ...asked, path: `${asked.path}&topic=${end}` }, ({ data }) => data === "the end")
  await publish(port, { topic: end, data: "the end" })
  const { status, events } = await reading
  if (status !== 200) stage.fail(`the id ${JSON.stringify(id)} was answered ${status}`)
  for (const { event, data } of events) {
    if (event === "message" && data !== topic && data !== "the end")
      stage.fail(`${topic} with the id ${id} received an event of ${data}`)
  }
  return `${status} ${events
    .map(({ event, data }) => (event === "stream.gap" ? reasonOf(data) : data))
    .filter((text) => text !== "the end")
    .join()}`
}

const reasonOf = (data: string): string => `gap: ${(JSON.parse(data) as { reason?: string }).reason}`
