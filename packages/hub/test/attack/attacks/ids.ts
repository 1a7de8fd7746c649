import type { ParsedEvent } from "onward/protocol"
import { publish, readUntil, type Asked, type Read } from "../requests.ts"
import { scaled, type Attack, type Stage } from "../stage.ts"

const PIECES = [
  ...'stream.end|earliest|stream.gap|stream.checkpoint|life0000~11|a|7|%0d%0a|: |,|;|+|&|=|"|é|Ã|©|Ã©|ÿ|東|🦊|e\u0301'.split(
    "|",
  ),
  ..."\t \u00a0\u3000\u2028\u0085\ufeff\u200b\0\r\n\u001b\u007f\u009f\ud83d\ude00\ufffd\u202e".split(""),
]
/** Never given to anything. */
const UNKNOWN = "an id that nothing has"

/** Hostile ids: what is accepted must resume behind its message, and mean nothing on another topic. */
export const ids: Attack = {
  name: "ids",
  threats: ["S2", "S10", "S13"],
  async round(stage) {
    const { hub, chance, count } = stage
    for (let i = scaled(stage, 20); i > 0 && !stage.isOver(); i--) {
      const id = chance.percent(5)
        ? chance.pick(["a", "é", "東", "🦊"]).repeat(chance.pick([255, 256, 341, 512, 513, 1_025]))
        : Array.from({ length: 1 + chance.below(4) }, () => chance.pick(PIECES)).join("")
      const topic = `ids/${chance.below(1e9)}`
      const { status, text } = await publish(hub.port, { topic, id, data: "first" })
      if (status !== 200 && status !== 400)
        stage.fail(`publishing the id ${JSON.stringify(id)} was answered ${status}: ${text}`)
      if (status !== 200) {
        count("refused")
        continue
      }
      count("accepted")
      await publish(hub.port, { topic, data: "second" })
      await resume(stage, topic, id)
    }
    await tooLong(stage)
  },
}

async function resume(stage: Stage, topic: string, id: string): Promise<void> {
  const { port } = stage.hub
  const path = `/events?topic=${encodeURIComponent(topic)}`
  const bytes = Buffer.from(id).toString("latin1")
  const ways: Asked[] = [
    { path, headers: { "last-event-id": bytes } },
    { path: `${path}&last_event_id=${encodeURIComponent(id)}` },
    { path: `${path}&lastEventId=${encodeURIComponent(id)}` },
  ]
  const isSecond = ({ data }: ParsedEvent): boolean => data === "second"
  for (const asked of ways) {
    const { status, events } = await readUntil(port, asked, isSecond)
    const seen = events.map(({ event, data }) => (event === "message" ? data : event)).join(", ")
    if (status !== 200 || seen !== "second") {
      stage.fail(`resuming after the id ${JSON.stringify(id)} was answered ${status} with: ${seen}`)
    }
  }
  // the same answer as for an id that there never was
  const other = `ids/${topic}`
  await publish(port, { topic: other, data: "second" })
  const answers: Read[] = []
  for (const each of [id, UNKNOWN]) {
    const asked = {
      path: `/events?topic=${encodeURIComponent(other)}`,
      headers: { "last-event-id": Buffer.from(each).toString("latin1") },
    }
    answers.push(await readUntil(port, asked, isSecond))
  }
  const [stolen, unknown] = answers.map(
    ({ status, events }) =>
      `${status} ${events.map(({ event, data }) => (event === "stream.gap" ? String((JSON.parse(data) as { reason?: string }).reason) : data)).join()}`,
  )
  if (stolen !== unknown)
    stage.fail(`the id ${JSON.stringify(id)} of another topic was answered "${stolen}", an unknown one "${unknown}"`)
}

/** As a header, and as a query. */
async function tooLong(stage: Stage): Promise<void> {
  const id = stage.chance.pick(["x", "%", "~", "life0000~"]).repeat(1_024 + stage.chance.below(6_000))
  for (const asked of [
    { path: "/events?topic=a", headers: { "last-event-id": id } },
    { path: `/events?topic=a&last_event_id=${encodeURIComponent(id).slice(0, 12_000)}` },
  ]) {
    const { status } = await readUntil(stage.hub.port, asked, () => true)
    if (status !== 400 && status !== 431) stage.fail(`an id of ${id.length} characters was answered ${status}`)
    stage.count("too long")
  }
}
