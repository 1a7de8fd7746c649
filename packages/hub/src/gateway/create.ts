import { randomBytes } from "node:crypto"
import { text } from "node:stream/consumers"
import { setTimeout } from "node:timers/promises"
import { OnwardError } from "onward"
import { HttpError } from "../http-error.ts"
import { ask, type Read, type Setting } from "./ask.ts"
import { sideHeaders } from "./headers.ts"
import { givenId, partsOf, runIdOf, type Kind, type KindFrame, type Refusal } from "./kinds.ts"
import { openAnswer, type Opened } from "./open.ts"
import { passOn } from "./pass-on.ts"
import type { Answered } from "./upstreams.ts"
import { view } from "./view.ts"

/** A provider's response to a request for a stream. */
interface Result extends Answered {
  readonly opened: Opened<KindFrame>
  /** The first frame, if the kind's runs are identified by an id in it. */
  readonly first: Promise<IteratorResult<KindFrame>> | undefined
  readonly id: string | undefined
}

/**
 * Starts a run for a request with `stream: true`. If the provider refuses, or does not stream, within `headAfter`, its response is forwarded.
 * After that time the gateway starts the response itself: otherwise proxies would see a timeout, and the client could not resume.
 */
export async function create(setting: Setting, kind: Kind, read: Read): Promise<void> {
  const { req, res } = read
  const { limits, onError } = setting
  // refuses a stream too many before it costs money
  const session = read.caller?.openStream(res, { isNew: true })
  const aborter = new AbortController()
  const leave = (): void => aborter.abort()
  res.once("close", leave)
  const asking = askForStream(setting, kind, read, aborter.signal)
  const result = await Promise.race([asking, setTimeout(limits.headAfter, undefined, { ref: false })])
  if (result?.opened.type === "other") {
    const { upstream, opened } = result
    const { answer, decoded } = opened
    return passOn(req, res, answer, {
      decoded,
      toLocal: (address) => upstream.toLocal(address),
      idleTimeout: limits.idleTimeout,
    })
  }
  // from here on it is a run, which continues when its client disconnects
  res.off("close", leave)
  try {
    const run = await start(setting, kind, read, { asking, id: result?.id, stop: leave })
    const visit = { ...read, kind, id: run, run: runIdOf(read.owner, run) }
    view(visit, result ? sideHeaders(result.answer.headers) : {}, session)
  } catch (error) {
    leave()
    throw error
  }
  // the request's body is needed until then
  await asking.catch(onError)
}

async function askForStream(setting: Setting, kind: Kind, read: Read, signal: AbortSignal): Promise<Result> {
  const { firstTimeout, idleTimeout, answerBytes } = setting.limits
  const answered = await ask(setting, read, { signal })
  // the request's signal has no effect on the response's body
  signal.addEventListener("abort", () => answered.answer.destroy())
  const options = { format: kind.format, firstTimeout, idleTimeout, maxBytes: answerBytes }
  const opened = await openAnswer(answered.answer, options)
  const first = opened.type === "frames" && kind.hasOwnIds ? opened.frames.next() : undefined
  const value = await first?.then(
    (result) => (result.done ? undefined : result.value),
    () => undefined,
  )
  return { ...answered, opened, first, id: givenId(value) }
}

interface Start {
  readonly asking: Promise<Result>
  /** The provider's id, if it is known already. */
  readonly id: string | undefined
  readonly stop: () => void
}

/** Starts a run, with the provider's id if it is known and this owner has no such run: some providers reuse numbers. */
async function start(setting: Setting, kind: Kind, read: Read, { asking, id, stop }: Start): Promise<string> {
  const { owner } = read
  for (const run of [id, `run_${randomBytes(16).toString("hex")}`]) {
    if (run === undefined) continue
    const inside = runIdOf(owner, run)
    if (run === id && (await kind.runs.status(inside, { owner })).status !== "unknown") continue
    const disown = setting.abandonment.own(inside, owner)
    try {
      const { isNew } = await kind.runs.start(
        inside,
        ({ signal }) => {
          signal.addEventListener("abort", stop)
          return framesOfRun(setting, kind, read, { asking, run })
        },
        { owner },
      )
      if (isNew) return run
    } finally {
      disown()
    }
  }
  throw new HttpError(500, "internal_error", "The run could not be started. Retry the request.")
}

/** Yields the frames of a run. Waits for the provider's response. */
async function* framesOfRun(
  setting: Setting,
  kind: Kind,
  read: Read,
  { asking, run }: { readonly asking: Promise<Result>; readonly run: string },
): AsyncGenerator<KindFrame> {
  const { opened, first, upstream } = await asking.catch(rethrow)
  if (opened.type === "other") return yield await refusalIn(kind, opened)
  const { url, key } = upstream.options
  const noted = new Set<string>()
  let isFirst = true
  for await (const frame of first ? following(await first, opened.frames) : opened.frames) {
    if (isFirst) await note(setting, kind, read, { id: givenId(frame), run, url })
    isFirst = false
    for (const { path, id } of key === undefined ? [] : partsOf(frame)) {
      if (noted.has(id)) continue
      noted.add(id)
      await setting.names.add(path, id, { owner: read.owner, upstream: url }).catch(setting.onError)
    }
    yield frame
  }
}

/** Stores the owner of the provider's id before the client receives it, unless the run's id is enough. */
async function note(
  { names, upstreams, onError }: Setting,
  kind: Kind,
  { owner, upstreams: [upstream] }: Read,
  { id, run, url }: { readonly id: string | undefined; readonly run: string; readonly url: string },
): Promise<void> {
  const isAlias = kind.hasOwnIds && id !== run
  if (id === undefined || !(isAlias || upstream?.options.key !== undefined || !upstreams.isSole)) return
  await names.add(kind.path, id, { owner, upstream: url, ...(isAlias && { run }) }).catch(onError)
}

/** Returns as a frame the refusal of a provider that responded after the stream had started. */
async function refusalIn(kind: Kind, { answer, decoded }: Opened<KindFrame> & { type: "other" }): Promise<KindFrame> {
  const { statusCode = 0, headers } = answer
  const body = Number(headers["content-length"] ?? 0) > MAX_REFUSAL ? "" : await text(decoded ?? answer).catch(() => "")
  answer.destroy()
  const refusal = errorIn(body)
  if (statusCode >= 300 && refusal) return kind.refusal(refusal)
  throw new OnwardError(
    "bad_status",
    statusCode < 300
      ? "The upstream sent JSON after the gateway had started an event stream. Raise --upstream-head-after."
      : `The upstream answered with status ${statusCode}. Retry later.`,
  )
}

/** Maximum size of a refusal that is read, in bytes. */
const MAX_REFUSAL = 65_536

function errorIn(body: string): Refusal | undefined {
  try {
    const { error } = JSON.parse(body) as { readonly error?: unknown }
    if (typeof error === "string") return { message: error }
    return typeof error === "object" && error !== null ? (error as Refusal) : undefined
  } catch {
    return undefined
  }
}

/** Throws an error before the response as one that viewers of a stream may see. */
function rethrow(error: unknown): never {
  if (!(error instanceof HttpError)) throw error
  throw new OnwardError("stream_ended", error.message, { cause: error.cause })
}

async function* following<T>(first: IteratorResult<T>, rest: AsyncIterable<T>): AsyncGenerator<T> {
  if (first.done) return
  yield first.value
  yield* rest
}
