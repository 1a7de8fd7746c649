import { HttpError } from "../http-error.ts"
import { sendJson } from "../respond.ts"
import { ask, proxy, untilGone, withBody, type Asked, type Read, type Reference, type Setting } from "./ask.ts"
import { isName, responseIn, runIdOf, type Frame, type Kind } from "./kinds.ts"
import type { Named } from "./names.ts"
import { ANSWER_METHODS, type GatewayRoute } from "./routes.ts"
import { view, type Visit } from "./view.ts"

/** What is known here of one answer, for one owner. */
interface Known {
  readonly status: Awaited<ReturnType<Kind["runs"]["status"]>>["status"]
  /** Its run's id in the log, and as the owner knows it. */
  readonly run: string
  readonly id: string
  readonly named: Named | undefined
  readonly isOthers: boolean
}

/** A request about one answer: ours when there is such a run, else the provider's. */
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
 * Whether a request about an answer may be made by the gateway's own key, by which everybody could read everybody's. Of a chat only those are
 * known that were made here; others have ids that cannot be guessed.
 */
function mayPass({ upstreams }: Setting, { method, path }: Asked, kind: Kind, known: Known, rest: string): boolean {
  const hasKey = upstreams.choose(path.prefix).some(({ options: { key } }) => key !== undefined)
  if (!hasKey && known.named === undefined) return true
  if (!ANSWER_METHODS[rest]?.includes(method)) return !hasKey
  if (known.status !== "unknown" || known.named) return true
  return !kind.hasOwnIds && !known.isOthers && method !== "POST" && method !== "DELETE"
}

/** What is known of an id: it may be that of a run, or the provider's name for one. */
async function find({ names, upstreams }: Setting, kind: Kind, owner: string, id: string): Promise<Known> {
  const run = runIdOf(owner, id)
  const { status } = await kind.runs.status(run, { owner })
  const isRun = status !== "unknown" || id.startsWith("run_")
  // of a run, only which provider has it
  if (isRun && upstreams.isSole) return { status, run, id, named: undefined, isOthers: false }
  const { mine, isOthers } = await names.find(kind.path, id, owner)
  if (isRun || mine?.run === undefined) return { status, run, id, named: mine, isOthers }
  const other = runIdOf(owner, mine.run)
  return { status: (await kind.runs.status(other, { owner })).status, run: other, id: mine.run, named: mine, isOthers }
}

/** Hands a request about an answer to the provider that has it. */
function pass(setting: Setting, asked: Asked, { named }: Pick<Known, "named">, to?: string): Promise<void> {
  return withBody(setting, asked, { isRead: false }, (read) => proxy(setting, at(setting, read, named), to))
}

/** The same request, of the provider that a name was given by. */
function at({ upstreams }: Setting, read: Read, named: Named | undefined): Read {
  const upstream = named && upstreams.find(named.upstream)
  return upstream ? { ...read, upstreams: [upstream] } : read
}

/** Stops a run, and answers with how it stands. */
async function stop(setting: Setting, visited: Visit, known: Known): Promise<void> {
  const { kind, id, run, owner, res, method } = visited
  await kind.runs.stop(run, { owner })
  const response = kind.hasOwnIds ? await lastResponse(kind, run, owner) : undefined
  // the provider goes on with it whoever leaves, so it has to be told
  const own = response?.["id"]
  if (method === "POST" && response?.["background"] === true && isName(own)) {
    return pass(setting, visited, known, `${kind.path}/${own}/cancel`)
  }
  sendJson(res, 200, response ?? (await stateOf(kind, { id, run }, owner)))
}

/** How a run stands, what its provider counted, and how fast it came. */
async function stateOf({ runs }: Kind, { id, run }: Pick<Known, "id" | "run">, owner: string): Promise<object> {
  const { status, usage, metrics } = await runs.status(run, { owner })
  return { id, object: "run", status, ...(usage && { usage }), ...(metrics && { metrics }) }
}

/** Deletes a response: the run here, and what the provider keeps of it. */
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
    // a provider that kept nothing, or keeps nothing ever, has nothing to delete
    if (statusCode < 300 || [404, 405, 501].includes(statusCode)) return done()
    throw new HttpError(
      502,
      "upstream_refused",
      `The upstream did not delete the response (status ${statusCode}). It is deleted here; delete it at the provider.`,
    )
  })
}

/** The newest state of a response, of those that its events have told so far. */
async function lastResponse({ runs }: Kind, run: string, owner: string): Promise<Frame | undefined> {
  const { status, lastEventId } = await runs.status(run, { owner })
  if (status === "expired") return undefined
  let response: Frame | undefined
  // a run that has told nothing yet has no end to read to
  const signal = AbortSignal.timeout(SOON_MS)
  for await (const { id, frame, end } of runs.attach(run, { owner, signal })) {
    response = responseIn(frame) ?? response
    if (end !== undefined || id === lastEventId) break
  }
  return response
}

/** How long is waited for what a run has told already, in ms. */
const SOON_MS = 1_000

/**
 * Checks what a request by the gateway's own key asks the provider to go on from.
 * @throws HttpError 404 for another owner's, and for responses that are not known here
 */
export async function checkReferences(
  setting: Setting,
  owner: string,
  references: readonly Reference[],
): Promise<void> {
  const { kinds, names } = setting
  for (const { path, id } of references) {
    if (!isName(id)) throw unknownReference()
    if (path === kinds.responses.path) {
      const { status, named } = await find(setting, kinds.responses, owner, id)
      if (status === "unknown" && !named) throw unknownReference()
    } else if ((await names.find(path, id, owner)).isOthers) throw unknownReference()
  }
}

export const unknownRun = (): HttpError =>
  new HttpError(
    404,
    "run_unknown",
    "There is no such run, or it is another caller's. Check the id and the credentials.",
  )

const unknownReference = (): HttpError =>
  new HttpError(
    404,
    "previous_response_not_found",
    "The response or conversation to go on from is unknown, or another caller's. Check its id.",
  )
