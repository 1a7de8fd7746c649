import { HttpError } from "../http-error.ts"
import { sendJson } from "../respond.ts"
import { ask, proxy, untilGone, withBody, type Asked, type Read, type Setting } from "./ask.ts"
import { isName, responseIn, runIdOf, type Frame, type Kind } from "./kinds.ts"
import type { Named } from "./names.ts"
import { ANSWER_METHODS, type GatewayRoute } from "./routes.ts"
import { view, type Visit } from "./view.ts"

/** What the gateway knows about one answer of one owner. */
interface Known {
  readonly status: Awaited<ReturnType<Kind["runs"]["status"]>>["status"]
  /** The run's id in the log, and the id that the owner uses. */
  readonly run: string
  readonly id: string
  readonly named: Named | undefined
  readonly isOthers: boolean
}

/** Handles a request for one answer: from its run if the gateway has it, otherwise from the provider. */
export async function visit(
  setting: Setting,
  kind: Kind,
  asked: Asked,
  { id, rest }: Extract<GatewayRoute, { type: "answer" }>,
): Promise<void> {
  const { method, path, query, owner } = asked
  const known = await find(setting, kind, owner, id)
  const isRead = method === "GET" || method === "HEAD"
  const isStream = kind.hasOwnIds ? query.get("stream") === "true" : query.get("stream") !== "false"
  const isResume = isRead && rest === "" && isStream
  if (known.status === "unknown") {
    const isOurs = id.startsWith("run_") || (kind.hasOwnIds && isResume)
    if (isOurs || !mayPass(setting, asked, kind, known, rest)) throw unknownRun()
    return pass(setting, asked, known)
  }
  const visited: Visit = { ...asked, kind, id: known.id, run: known.run }
  if (isResume) return view(visited)
  if (rest === "cancel" && method === "POST") return stop(setting, visited, known)
  if (rest === "" && method === "DELETE") {
    return kind.hasOwnIds ? remove(setting, visited, known) : stop(setting, visited, known)
  }
  if (isRead && rest === "" && id.startsWith("run_")) {
    const response = kind.hasOwnIds ? await lastResponse(kind, known.run, owner) : await stateOf(kind, known, owner)
    if (!response) throw unknownRun()
    return sendJson(asked.res, 200, response)
  }
  if (!mayPass(setting, asked, kind, known, rest)) throw unknownRun()
  const own = id.startsWith("run_") ? (await lastResponse(kind, known.run, owner))?.["id"] : id
  if (!isName(own)) throw unknownRun()
  return pass(setting, asked, known, `${kind.path}/${own}${path.path.slice(`${kind.path}/${id}`.length)}`)
}

/**
 * Whether a request for an answer may use the gateway's key, which can read the answers of all callers. Chat answers that were not created here
 * are allowed, because their ids cannot be guessed.
 */
function mayPass({ upstreams }: Setting, { method, path }: Asked, kind: Kind, known: Known, rest: string): boolean {
  const hasKey = upstreams.choose(path.prefix).some(({ options: { key } }) => key !== undefined)
  if (!hasKey && known.named === undefined) return true
  if (!ANSWER_METHODS[rest]?.includes(method)) return !hasKey
  if (known.status !== "unknown" || known.named) return true
  return !kind.hasOwnIds && !known.isOthers && method !== "POST" && method !== "DELETE"
}

/** Looks up an id, which can be a run's or the provider's id of one. */
async function find({ names, upstreams }: Setting, kind: Kind, owner: string, id: string): Promise<Known> {
  const run = runIdOf(owner, id)
  const { status } = await kind.runs.status(run, { owner })
  const isRun = status !== "unknown" || id.startsWith("run_")
  // for a run, only its provider is unknown
  if (isRun && upstreams.isSole) return { status, run, id, named: undefined, isOthers: false }
  const { mine, isOthers } = await names.find(kind.path, id, owner)
  if (isRun || mine?.run === undefined) return { status, run, id, named: mine, isOthers }
  const other = runIdOf(owner, mine.run)
  return { status: (await kind.runs.status(other, { owner })).status, run: other, id: mine.run, named: mine, isOthers }
}

/** Forwards a request for an answer to its provider. */
function pass(setting: Setting, asked: Asked, { named }: Pick<Known, "named">, to?: string): Promise<void> {
  return withBody(setting, asked, { isRead: false }, (read) => proxy(setting, at(setting, read, named), to))
}

/** Returns the request with the upstream that created the id. */
function at({ upstreams }: Setting, read: Read, named: Named | undefined): Read {
  const upstream = named && upstreams.find(named.upstream)
  return upstream ? { ...read, upstreams: [upstream] } : read
}

/** Stops a run, and responds with its state. */
async function stop(setting: Setting, visited: Visit, known: Known): Promise<void> {
  const { kind, id, run, owner, res, method } = visited
  await kind.runs.stop(run, { owner })
  const response = kind.hasOwnIds ? await lastResponse(kind, run, owner) : undefined
  // the provider continues it after a disconnect, so it must be cancelled there
  const own = response?.["id"]
  if (method === "POST" && response?.["background"] === true && isName(own)) {
    return pass(setting, visited, known, `${kind.path}/${own}/cancel`)
  }
  sendJson(res, 200, response ?? (await stateOf(kind, { id, run }, owner)))
}

/** Returns a run's status, the provider's usage, and its metrics. */
async function stateOf({ runs }: Kind, { id, run }: Pick<Known, "id" | "run">, owner: string): Promise<object> {
  const { status, usage, metrics } = await runs.status(run, { owner })
  return { id, object: "run", status, ...(usage && { usage }), ...(metrics && { metrics }) }
}

/** Deletes a response at the gateway and at its provider. */
async function remove(setting: Setting, visited: Visit, known: Known): Promise<void> {
  const { kind, id, run, owner, res } = visited
  const own = id.startsWith("run_") ? (await lastResponse(kind, run, owner))?.["id"] : id
  await kind.runs.delete(run, { owner })
  const done = (): void => sendJson(res, 200, { id: own ?? id, object: "response", deleted: true })
  if (!isName(own)) return done()
  await withBody(setting, visited, { isRead: false }, async (read) => {
    const to = `${kind.path}/${own}`
    const { answer } = await ask(setting, at(setting, read, known.named), { signal: untilGone(res), to })
    const { statusCode = 0 } = answer
    answer.resume()
    // the provider did not store the response, or never stores any
    if (statusCode < 300 || [404, 405, 501].includes(statusCode)) return done()
    throw new HttpError(
      502,
      "upstream_refused",
      `The upstream did not delete the response (status ${statusCode}). The gateway's copy is deleted; delete the provider's copy too.`,
    )
  })
}

/** Returns the newest state of a response in its events so far. */
async function lastResponse({ runs }: Kind, run: string, owner: string): Promise<Frame | undefined> {
  const { status, lastEventId } = await runs.status(run, { owner })
  if (status === "expired") return undefined
  let response: Frame | undefined
  // a run without events has no last id to stop at
  const signal = AbortSignal.timeout(SOON_MS)
  for await (const { id, frame, end } of runs.attach(run, { owner, signal })) {
    response = responseIn(frame) ?? response
    if (end !== undefined || id === lastEventId) break
  }
  return response
}

/** Maximum time to read a run's stored events, in ms. */
const SOON_MS = 1_000

/**
 * Checks what a request with the gateway's key refers to in its body.
 * @throws HttpError 404 for ids of another owner, and for unknown ids; 400 for a body that hides its references
 */
export async function checkReferences(setting: Setting, { owner, references }: Read): Promise<void> {
  const { kinds, names, allowUnknownIds } = setting
  if (!references) return
  if (references.isOpaque) {
    throw new HttpError(
      400,
      "invalid_request",
      "The body has more than 200 references or 1000 levels, or is not UTF-8. Send fewer in one request.",
    )
  }
  for (const { path, id } of references.found) {
    if (!isName(id)) throw unknownReference()
    if (path === kinds.responses.path) {
      const { status, named } = await find(setting, kinds.responses, owner, id)
      if (status === "unknown" && !named) throw unknownReference()
      continue
    }
    const { mine, isOthers } = await names.find(path, id, owner)
    if (!mine && (isOthers || !allowUnknownIds)) throw unknownReference()
  }
}

export const unknownRun = (): HttpError =>
  new HttpError(
    404,
    "run_unknown",
    "The run does not exist, or belongs to another caller. Check the id and the credentials.",
  )

const unknownReference = (): HttpError =>
  new HttpError(
    404,
    "previous_response_not_found",
    "The body refers to an id that is unknown, or belongs to another caller. Check the ids, or set --upstream-unknown-ids.",
  )
