import { encode, parse, type ParsedEvent } from "onward/protocol"
import { publish, readUntil } from "../requests.ts"
import { scaled, type Attack, type Stage } from "../stage.ts"

const PIECES = [
  ..."a|0|:|{|}|é|火|🦊|data: x|id: 9|event: stream.end|retry: 1|: ".split("|"),
  ..."\n\r\0 \t\ufeff\u2028\u2029\u0085\u000b\u000c\ufffd\ud83e\udd8a".split(""),
  "\r\n",
  "\n\n",
  "\r\n\r\n",
]

const textOf = ({ chance }: Stage): string =>
  Array.from({ length: chance.below(8) }, () => chance.pick(PIECES)).join("")

/** What is lost on the way, and all that is: line ends become LF, halves of surrogate pairs U+FFFD. */
const arriving = (text: string): string => text.replace(/\r\n|\r/g, "\n").toWellFormed()

/** Line ends and control words in every field: what the encoder or the hub accepts arrives as one event, as it was sent. */
export const fields: Attack = {
  name: "fields",
  threats: ["S1"],
  async round(stage) {
    for (let i = scaled(stage, 2_000); i > 0; i--) await encodeOnce(stage)
    await publishMany(stage)
  },
}

async function encodeOnce(stage: Stage): Promise<void> {
  const { chance, count } = stage
  const [event, id, data] = [textOf(stage), textOf(stage), textOf(stage)]
  const message = { data, ...(chance.percent(50) && { event }), ...(chance.percent(50) && { id }) }
  let written: string
  try {
    written = encode(message)
  } catch {
    count("refused by the encoder")
    return
  }
  const events: ParsedEvent[] = []
  for await (const each of parse(new Response(written).body as ReadableStream<Uint8Array>)) events.push(each)
  const wanted = { event: message.event || "message", id: message.id ?? "", data: arriving(data) }
  const [first] = events
  const isSame =
    events.length === 1 && first?.event === wanted.event && first.id === wanted.id && first.data === wanted.data
  if (!isSame) stage.fail(`${JSON.stringify(message)} was encoded, and read as ${JSON.stringify(events)}`)
  count("encoded")
}

async function publishMany(stage: Stage): Promise<void> {
  const { hub, chance, count } = stage
  const topic = `fields/${chance.below(1e9)}`
  const accepted: string[] = []
  for (let i = scaled(stage, 20); i > 0; i--) {
    const [event, id, key, data] = [textOf(stage), textOf(stage), textOf(stage), textOf(stage)]
    const message = {
      topic,
      data,
      ...(chance.percent(50) && { event }),
      ...(chance.percent(30) && { id }),
      ...(chance.percent(30) && { key }),
    }
    const { status, text } = await publish(hub.port, message)
    if (status !== 200 && status !== 400) stage.fail(`${JSON.stringify(message)} was answered ${status}: ${text}`)
    count(status === 200 ? "accepted" : "refused")
    if (status !== 200 || (JSON.parse(text) as { repeated?: boolean }).repeated) continue
    accepted.push(JSON.stringify([message.event ?? "message", arriving(data)]))
  }
  await publish(hub.port, { topic, data: "the last" })
  const path = `/events?topic=${topic}&last_event_id=earliest`
  const { events } = await readUntil(hub.port, { path }, ({ data }) => data === "the last")
  const arrived = events.slice(0, -1).map(({ event, data }) => JSON.stringify([event, data]))
  if (arrived.join() !== accepted.join()) stage.fail(`accepted: ${accepted.join()}; arrived: ${arrived.join()}`)
}
