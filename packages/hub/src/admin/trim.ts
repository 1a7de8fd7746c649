import type { IncomingMessage, ServerResponse } from "node:http"
import type { Hub } from "onward"
import { invalid, readFields } from "../auth/fields.ts"
import type { Bodies } from "../body.ts"
import { sendJson } from "../respond.ts"
import { WRITE, type Route } from "../route.ts"

export interface TrimOptions {
  readonly hub: Hub
  readonly bodies: Bodies
}

/**
 * `POST /admin/trim` with `topic`, and optionally `upTo` (an id or a position) or `before` (a time), as a form or as JSON: removes entries from
 * the log and from the memory of all hubs. Without `topic` it removes entries of all topics, and needs one of the other two.
 */
export function trimRoute({ hub, bodies }: TrimOptions): Route {
  async function trim(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const fields = await readFields({ bodies, req, res }, { topic: "text", upTo: "text", before: "time" })
    const { topic: [topic] = [], upTo: [upTo] = [], before: [before] = [] } = fields
    if (upTo !== undefined && before !== undefined) throw invalid("give `upTo` or `before`, not both")
    if (topic === undefined && upTo === undefined && before === undefined)
      throw invalid("give a `topic`, or `upTo` or `before`")
    const options = {
      ...(upTo !== undefined && { upTo }),
      ...(before !== undefined && { before: new Date(before) }),
    }
    const removed = topic === undefined ? await hub.trim(options) : await hub.forget(topic, options)
    sendJson(res, 200, { removed })
  }

  return { methods: WRITE, answer: trim }
}
