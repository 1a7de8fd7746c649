import { sse } from "onward/node"
import type { Asked } from "./ask.ts"
import type { Kind } from "./kinds.ts"
import { resumePointAfter } from "./resume-point.ts"

/** A request for one run. */
export interface Visit extends Asked {
  readonly kind: Kind
  /** Its id as this caller knows it. */
  readonly id: string
  /** Its id in the log. */
  readonly run: string
}

/** Responds with a run's stream. */
export function view(
  { req, res, method, path, query, kind, id, run, owner, caller }: Visit,
  headers: Record<string, string> = {},
  session = caller?.openStream(res, { isNew: false }),
): void {
  const location = `${path.prefix}/v1${kind.path}/${encodeURIComponent(id)}?stream=true`
  const named = { ...headers, ...session?.headers, "onward-run": encodeURIComponent(id) }
  const options = { headers: named, ...(session && { signal: session.signal }) }
  const source = kind.runs.source(run, { owner, location })
  const after = query.get("starting_after")
  if (after === null || method === "POST") return sse(req, res, source, options)
  const open: typeof source.open = async (context) => {
    if (!kind.hasOwnIds) return source.open({ ...context, lastEventId: after })
    const point = await resumePointAfter(kind.runs, run, Number(after), { owner, signal: context.signal })
    // the official clients cannot handle a 204
    if (point === "over") return nothing()
    return source.open({ ...context, ...(point.id !== undefined && { lastEventId: point.id }) })
  }
  sse(req, res, { ...source, open }, options)
}

async function* nothing(): AsyncGenerator<string> {
  yield "[DONE]"
}
