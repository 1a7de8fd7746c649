import { ask, publish, readUntil } from "../requests.ts"
import { scaled, type Attack } from "../stage.ts"

const NAMES = ["stream.end", "stream.gap", "stream.checkpoint", "stream.error", "stream.", "stream.run/a"]

const percent = (text: string): string =>
  [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("")
const escaped = (text: string): string =>
  Array.from(text, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`).join("")

/** Ways to write a name: a hub that decodes them to the name must refuse it, and one that does not takes another name. */
const DISGUISES: readonly ((name: string) => string)[] = [
  (name) => name,
  percent,
  (name) => percent(percent(name)),
  (name) => name.toUpperCase(),
  (name) => name.replace("s", "S"),
  (name) => name.replace("s", "ſ"),
  (name) => name.replace(".", "。"),
  (name) => name.replace(".", "．"),
  (name) => name.replace("e", "е"),
  (name) => name.normalize("NFD"),
  (name) => name.replace(/^(.)/, "$1\u0301"),
  ..."\t \u00a0\u3000\u2028\u0085\ufeff\u200b\0\r\n\u001b\u007f\u00ad\u202e\u2060"
    .split("")
    .flatMap((char) => [
      (name: string) => char + name,
      (name: string) => name + char,
      (name: string) => name.replace(".", `${char}.`),
    ]),
  (name) => `${name}\ndata: x`,
  (name) => `x\nevent: ${name}`,
  (name) => `x\r\nevent: ${name}`,
  (name) => `${name}\ud800`,
]

/** Names that only the hub itself may use, in every disguise, as topic, event and id. */
export const reserved: Attack = {
  name: "reserved",
  threats: ["S1", "S2"],
  rounds: 20,
  async round(stage) {
    const { hub, chance, count } = stage
    const name = chance.pick(NAMES)
    const field = chance.pick(["topic", "event", "id"] as const)
    const topic = `reserved/${chance.below(1e9)}`
    for (const disguise of DISGUISES.slice(0, scaled(stage, DISGUISES.length))) {
      const written = disguise(name)
      const message = { topic, data: "x", [field]: written }
      const asJson = await publish(hub.port, message)
      const isRaw = written.startsWith("stream.")
      check(`JSON ${field}`, asJson.status, isRaw, written)
      const body = Object.entries(message)
        .map(([key, value]) => `${key}=${encodeURIComponent(value.toWellFormed())}`)
        .join("&")
      const form = {
        path: "/publish",
        method: "POST",
        headers: { "content-type": "application/x-www-form-urlencoded" },
      }
      check(`form ${field}`, (await ask(hub.port, { ...form, body })).status, isRaw, written)
    }
    // escapes that JSON and forms undo
    const headers = { "content-type": "application/json" }
    const json = `{"topic":"${topic}","data":"x","${field}":"${escaped(name)}"}`
    const fields = [`topic=${topic}`, "data=x", `${field}=${percent(name)}`]
    const asForm = fields.filter((each) => field !== "topic" || !each.startsWith("topic=reserved")).join("&")
    check(
      "escaped JSON",
      (
        await ask(hub.port, {
          path: "/publish",
          method: "POST",
          headers,
          body: field === "topic" ? json.replace(`"topic":"${topic}",`, "") : json,
        })
      ).status,
      true,
      json,
    )
    check(
      "percent-encoded form",
      (
        await ask(hub.port, {
          path: "/publish",
          method: "POST",
          headers: { "content-type": "application/x-www-form-urlencoded" },
          body: asForm,
        })
      ).status,
      true,
      asForm,
    )

    function check(how: string, status: number, mustRefuse: boolean, written: string): void {
      count(status === 200 ? "accepted as another name" : "refused")
      if (status === 200 ? mustRefuse : status !== 400)
        stage.fail(`${how} ${JSON.stringify(written)} was answered ${status}`)
    }
    // whatever was accepted arrives as no control event
    await publish(hub.port, { topic, data: "the last" })
    const { events } = await readUntil(
      hub.port,
      { path: `/events?topic=${topic}&last_event_id=earliest` },
      ({ data }) => data === "the last",
    )
    const forged = events.find(({ event }) => event.startsWith("stream."))
    if (forged) stage.fail(`a forged ${forged.event} arrived`)
    if (events.at(-1)?.data !== "the last") stage.fail("the stream of a topic with hostile names did not reach its end")
  },
}
