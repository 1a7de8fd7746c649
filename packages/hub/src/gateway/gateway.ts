import { randomBytes } from "node:crypto"
import type { IncomingMessage, ServerResponse } from "node:http"
import { sse } from "onward/node"
import { createBodies } from "../body.ts"
import { HttpError } from "../http-error.ts"
import { sendJson } from "../respond.ts"
import { ownerOf } from "./caller.ts"
import { framesOf, isEventStream } from "./frames.ts"
import { createGatewayRuns, type Frame, type GatewayRunsOptions, type Kind } from "./runs.ts"
import { placeAfter } from "./start-after.ts"
import { createUpstream, passOn, sideHeaders, type UpstreamOptions } from "./upstream.ts"

export interface GatewayOptions extends GatewayRunsOptions {
  readonly upstream: UpstreamOptions
}

/** Stands between clients of a provider and the provider, and makes runs of its streams. */
export interface Gateway {
  /** Answers any request below `/v1/`. Rejects with what is to be told to the client. */
  answer(req: IncomingMessage, res: ServerResponse, url: URL): Promise<void>
  /** Ends the runs it writes, as failed, and closes the log. */
  close(): Promise<void>
}

const PREFIX = "/v1"
const MIB = 1024 ** 2

/** One request to the gateway. */
interface Asked {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly url: URL
  readonly owner: string
}

/** What is asked of one run. */
interface Visit extends Asked {
  readonly kind: Kind
  readonly id: string
}

export function createGateway(options: GatewayOptions): Gateway {
  const upstream = createUpstream(options.upstream)
  const { chat, responses, check, close } = createGatewayRuns(options)
  // images travel in requests
  const bodies = createBodies({ maxBytes: 64 * MIB, totalBytes: 256 * MIB })

  /** Asks the provider what the client asks, for as long as the client stays. */
  function ask({ req, res, url }: Asked, body: string | IncomingMessage | undefined): Promise<IncomingMessage> {
    const { method = "GET", headers } = req
    const path = url.pathname.slice(PREFIX.length) + url.search
    return upstream.ask({ method, path, headers, ...(body !== undefined && { body }) }, untilGone(res))
  }

  /** Hands a request on, and its answer, as they are. */
  async function proxy(asked: Asked): Promise<void> {
    const { method = "GET" } = asked.req
    passOn(await ask(asked, /^(?:GET|HEAD|DELETE|OPTIONS)$/.test(method) ? undefined : asked.req), asked.res)
  }

  /** A request that may ask for a stream: then it becomes a run. */
  function create(kind: Kind, asked: Asked): Promise<void> {
    const { req, res } = asked
    if (req.headers["content-encoding"] !== undefined) return proxy(asked)
    return bodies.read(req, res, async (body) => {
      if (!wantsStream(body)) return passOn(await ask(asked, body), res)
      // before the provider is asked, and paid, for what could not be kept
      await check()
      const aborter = new AbortController()
      const leave = (): void => aborter.abort()
      res.once("close", leave)
      const { method = "POST", headers } = req
      const path = asked.url.pathname.slice(PREFIX.length) + asked.url.search
      const answer = await upstream.ask({ method, path, headers, body }, aborter.signal)
      if (!isGood(answer)) return passOn(answer, res)
      // from here on it is a run, which does not end with whoever asked for it
      res.off("close", leave)
      const id = await start(kind, answer, asked.owner).catch((error: unknown) => {
        answer.destroy()
        throw error
      })
      view({ ...asked, kind, id }, sideHeaders(answer))
    })
  }

  /** Makes a run of an answer. The run of a response has the response's own id, which its first event tells. */
  async function start(kind: Kind, answer: IncomingMessage, owner: string): Promise<string> {
    const frames = framesOf(answer, kind.format)
    const first = kind === responses && isEventStream(answer) ? await frames.next().catch(() => undefined) : undefined
    const given = first?.value === "[DONE]" ? undefined : responseIn(first?.value)?.["id"]
    for (const id of [typeof given === "string" ? given : undefined, `run_${randomBytes(16).toString("hex")}`]) {
      if (id === undefined || (id === given && (await isTaken(kind, id, owner)))) continue
      const { isNew } = await kind.runs.start(
        id,
        ({ signal }) => {
          signal.addEventListener("abort", () => answer.destroy())
          return first && !first.done ? following(first.value, frames) : frames
        },
        { owner },
      )
      if (isNew) return id
    }
    throw new HttpError(500, "internal_error", "No run could be started.")
  }

  /** Some providers number their responses, and begin anew when they are started. */
  async function isTaken({ runs }: Kind, id: string, owner: string): Promise<boolean> {
    return (await runs.status(id, { owner })).status !== "unknown"
  }

  function view({ req, res, kind, id, owner, url }: Visit, headers: Record<string, string> = {}): void {
    const location = `${PREFIX}/${kind === chat ? "chat/completions" : "responses"}/${encodeURIComponent(id)}?stream=true`
    const [source, viewOptions] = kind.runs.view(id, { owner, location, sse: { headers } })
    const after = url.searchParams.get("starting_after")
    if (after === null || req.method === "POST") return sse(req, res, source, viewOptions)
    const from: typeof source = async (context) => {
      if (kind === chat) return source({ ...context, lastEventId: after })
      const place = await placeAfter(kind.runs, id, Number(after), { owner, signal: context.signal })
      // official clients cannot read a 204
      if (place === "over") return nothing()
      return source({ ...context, ...(place.id !== undefined && { lastEventId: place.id }) })
    }
    sse(req, res, from, viewOptions)
  }

  /** Stops a run, and answers with how it stands. */
  async function stop(visit: Visit): Promise<void> {
    const { kind, id, owner, req, res } = visit
    await kind.runs.stop(id, { owner })
    const response = kind === responses ? await lastResponse(kind, id, owner) : undefined
    // the provider goes on with it whoever leaves, so it has to be told
    if (req.method === "POST" && response?.["background"] === true) return proxy(visit)
    const { status } = await kind.runs.status(id, { owner })
    sendJson(res, 200, response ?? { id, object: "run", status })
  }

  /** Deletes a response: the run here, and what the provider keeps of it. */
  async function remove(visit: Visit): Promise<void> {
    const { kind, id, owner, res } = visit
    await kind.runs.delete(id, { owner })
    const answer = await ask(visit, undefined)
    // a provider that kept nothing, or keeps nothing ever, has nothing to delete
    if (![404, 405, 501].includes(answer.statusCode ?? 0)) return passOn(answer, res)
    answer.resume()
    sendJson(res, 200, { id, object: "response", deleted: true })
  }

  async function lastResponse({ runs }: Kind, id: string, owner: string): Promise<Frame | undefined> {
    let response: Frame | undefined
    for await (const { frame } of runs.attach(id, { owner })) response = responseIn(frame) ?? response
    return response
  }

  /** What is asked of one stream: ours when there is such a run, else the provider's to answer. */
  async function visit(asked: Asked, kind: Kind, id: string, isCancel: boolean): Promise<void> {
    const { req, url, owner } = asked
    const { status } = await kind.runs.status(id, { owner })
    const isRead = req.method === "GET" || req.method === "HEAD"
    const isResume = isRead && !isCancel && (kind === chat || url.searchParams.get("stream") === "true")
    if (status === "unknown") {
      // by the gateway's own key, everybody could read everybody's
      if (isResume || upstream.hasKey || id.startsWith("run_")) throw unknownRun()
      return proxy(asked)
    }
    const visited: Visit = { ...asked, kind, id }
    if (isResume) return view(visited)
    if (isCancel) return req.method === "POST" ? stop(visited) : proxy(asked)
    if (req.method === "DELETE") return kind === chat ? stop(visited) : remove(visited)
    return proxy(asked)
  }

  return {
    close,
    async answer(req, res, url) {
      const asked: Asked = { req, res, url, owner: ownerOf(req.headers) }
      const path = url.pathname.slice(PREFIX.length)
      if (req.method === "POST" && path === "/chat/completions") return create(chat, asked)
      if (req.method === "POST" && path === "/responses") return create(responses, asked)
      const [, name, id, isCancel] = /^\/(chat\/completions|responses)\/([^/]+)(\/cancel)?$/.exec(path) ?? []
      if (id === undefined) return proxy(asked)
      return visit(asked, name === "responses" ? responses : chat, decoded(id), isCancel !== undefined)
    },
  }
}

function decoded(id: string): string {
  try {
    return decodeURIComponent(id)
  } catch {
    throw unknownRun()
  }
}

const isGood = ({ statusCode = 0 }: IncomingMessage): boolean => statusCode >= 200 && statusCode < 300

function wantsStream(body: string): boolean {
  try {
    return (JSON.parse(body) as { readonly stream?: unknown } | null)?.stream === true
  } catch {
    // the provider says what is wrong with it
    return false
  }
}

function responseIn(frame: Frame | "[DONE]" | undefined): Frame | undefined {
  const response = frame === undefined || frame === "[DONE]" ? undefined : frame["response"]
  return typeof response === "object" && response !== null ? (response as Frame) : undefined
}

/** Fires when the client is gone. */
function untilGone(res: ServerResponse): AbortSignal {
  const aborter = new AbortController()
  res.once("close", () => aborter.abort())
  return aborter.signal
}

async function* following<T>(first: T, rest: AsyncIterable<T>): AsyncGenerator<T> {
  yield first
  yield* rest
}

async function* nothing(): AsyncGenerator<string> {
  yield "[DONE]"
}

const unknownRun = (): HttpError => new HttpError(404, "run_unknown", "There is no such run, or it is not yours.")
