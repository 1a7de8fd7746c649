import type { IncomingMessage, ServerResponse } from "node:http"
import type { Hub, Message, PublishResult } from "onward"
import { authorize, type Principal } from "./auth/index.ts"
import type { Bodies } from "./body.ts"
import { callerOf } from "./caller.ts"
import { HttpError } from "./http-error.ts"
import { readMessages } from "./messages.ts"
import { sendJson } from "./respond.ts"
import type { Throttle } from "./throttle.ts"

/** Topics with this prefix are reserved, so that only the hub publishes on them. */
export const RESERVED = "demo/"

/** Characters of a body, and topics of its messages, that count as much as one request. */
const CHARS_A_UNIT = 4_096
const TOPICS_A_UNIT = 20

export interface Publishing {
  readonly hub: Hub
  readonly bodies: Bodies
  readonly throttle: Throttle
}

/** Handles `POST /publish`. Responds with the id, or the ids of a batch, when the log has stored the messages. */
export async function publish(
  { hub, bodies, throttle }: Publishing,
  req: IncomingMessage,
  res: ServerResponse,
  principal?: Principal,
): Promise<void> {
  const encoding = req.headers["content-encoding"]
  if (encoding !== undefined && encoding !== "identity") {
    throw new HttpError(
      415,
      "unsupported_encoding",
      `The body has the content-encoding "${encoding}". Send it without one.`,
    )
  }
  const caller = callerOf(req)
  await throttle.admit(caller)
  await bodies.read(req, res, async (text) => {
    throttle.spend(caller, text.length / CHARS_A_UNIT)
    const { messages, isBatch } = readMessages(req.headers["content-type"], text)
    const topics = messages.flatMap(topicsOf)
    throttle.spend(caller, topics.length / TOPICS_A_UNIT)
    if (topics.some((topic) => topic.startsWith(RESERVED))) {
      throw new HttpError(403, "reserved_topic", `Topics with the prefix \`${RESERVED}\` are reserved. Use another.`)
    }
    if (principal) authorize({ principal, action: "publish", topics: new Set(topics) })
    const results = await hub.publishResults(messages)
    sendJson(res, 200, isBatch ? batchAnswer(results) : answer(results[0]))
  })
}

/** The topics of a message that is not checked yet. The hub refuses a value that is not a topic. */
const topicsOf = ({ topic, also }: Message): string[] =>
  [topic, ...(Array.isArray(also) ? (also as string[]) : [])].filter((each) => typeof each === "string")

/** `repeated` exists only if it is true: the message was neither stored nor delivered, because its topic already had it. */
const answer = (result: PublishResult | undefined): object => (result?.repeated ? result : { id: result?.id })

function batchAnswer(results: readonly PublishResult[]): object {
  const ids = results.map(({ id }) => id)
  return results.some(({ repeated }) => repeated) ? { ids, repeated: results.map(({ repeated }) => repeated) } : { ids }
}
