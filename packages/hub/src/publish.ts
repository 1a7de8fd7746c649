import type { IncomingMessage, ServerResponse } from "node:http"
import type { Hub, PublishResult } from "onward"
import type { Bodies } from "./body.ts"
import { HttpError } from "./http-error.ts"
import { readMessages } from "./messages.ts"
import { sendJson } from "./respond.ts"

/** Topics under it are the hub's own: who sees them may trust that the hub said it. */
export const RESERVED = "demo/"

/** `POST /publish`: answers with the id, or the ids of a batch, once the log holds the messages. */
export async function publish(hub: Hub, bodies: Bodies, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const encoding = req.headers["content-encoding"]
  if (encoding !== undefined && encoding !== "identity") {
    throw new HttpError(415, "unsupported_encoding", "Send the body without content-encoding.")
  }
  await bodies.read(req, res, async (text) => {
    const { messages, isBatch } = readMessages(req.headers["content-type"], text)
    for (const { topic } of messages) {
      if (typeof topic === "string" && topic.startsWith(RESERVED)) {
        throw new HttpError(403, "reserved_topic", `Topics under \`${RESERVED}\` are the hub's own: choose another.`)
      }
    }
    const results = await hub.publishResults(messages)
    sendJson(res, 200, isBatch ? batchAnswer(results) : answer(results[0]))
  })
}

/** `repeated` is there only when it is true: the message was neither stored nor delivered, because its topic had it already. */
const answer = (result: PublishResult | undefined): object => (result?.repeated ? result : { id: result?.id })

function batchAnswer(results: readonly PublishResult[]): object {
  const ids = results.map(({ id }) => id)
  return results.some(({ repeated }) => repeated) ? { ids, repeated: results.map(({ repeated }) => repeated) } : { ids }
}
