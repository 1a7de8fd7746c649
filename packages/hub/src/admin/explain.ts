import type { IncomingMessage, ServerResponse } from "node:http"
import type { Auth } from "../auth/index.ts"
import type { Bodies } from "../body.ts"
import { sendJson } from "../respond.ts"
import { WRITE, type Route } from "../route.ts"
import { invalid, readObject } from "./json-body.ts"

/** Most topics and patterns of one question, and longest of them in characters. */
const MAX_TOPICS = 100
const MAX_TOPIC = 1_024

export interface ExplainOptions {
  readonly auth: Auth | undefined
  readonly bodies: Bodies
}

/**
 * `POST /admin/explain` with `{ "credential", "publish": [], "subscribe": [] }`: decodes a token or key, and says why it is refused, or why it
 * allows each topic or not. Without `credential` it is about requests without one. The credential is not written to any log.
 */
export function explainRoute({ auth, bodies }: ExplainOptions): Route {
  async function explain(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { credential, publish, subscribe } = await readObject({ bodies, req, res }, [
      "credential",
      "publish",
      "subscribe",
    ])
    if (credential !== undefined && typeof credential !== "string") throw invalid("`credential` is not a text.")
    const asked = { publish: topicsIn("publish", publish), subscribe: topicsIn("subscribe", subscribe) }
    if (!auth) return sendJson(res, 200, { hasAuth: false })
    const text = credential?.trim().replace(/^Bearer +/i, "")
    sendJson(res, 200, { hasAuth: true, ...(await auth.explain(text === "" ? undefined : text, asked)) })
  }

  return { methods: WRITE, answer: (req, res) => explain(req, res) }
}

function topicsIn(name: string, list: unknown = []): readonly string[] {
  const isTopic = (each: unknown): each is string => typeof each === "string" && each !== "" && each.length <= MAX_TOPIC
  if (Array.isArray(list) && list.length <= MAX_TOPICS && list.every(isTopic)) return list
  throw invalid(`\`${name}\` is not a list of at most ${MAX_TOPICS} topics and patterns.`)
}
