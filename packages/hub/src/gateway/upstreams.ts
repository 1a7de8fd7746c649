import type { IncomingMessage } from "node:http"
import { setTimeout } from "node:timers/promises"
import { HttpError } from "../http-error.ts"
import type { GatewayLimits } from "./limits.ts"
import { retryAfterOf } from "./retry-after.ts"
import { createUpstream, type Question, type Upstream, type UpstreamOptions } from "./upstream.ts"

/** A provider's response, with the provider. */
export interface Answered {
  readonly answer: IncomingMessage
  readonly upstream: Upstream
}

/** The providers, and the choice between them. */
export interface Upstreams {
  readonly isSole: boolean
  /** Whether an upstream has this prefix. */
  has(prefix: string): boolean
  /**
   * Returns the upstreams for a model, in the order in which they are tried. A request without a model goes to those for all models.
   * @throws HttpError 404 `model_not_found`
   */
  choose(prefix: string, model?: string): readonly Upstream[]
  /** Returns the upstream with this base URL, if it is still configured. */
  find(url: string): Upstream | undefined
  /** Sends a request to one upstream after the other until one responds. */
  ask(from: readonly Upstream[], question: Question, signal: AbortSignal): Promise<Answered>
  close(): void
}

/** Statuses that are retried, at another upstream or later (RFC 9110 section 15, RFC 6585 section 4; 529 is Anthropic's). */
const RETRYABLE: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504, 529])
/** Delay before a retry at the same upstream, in ms: the first, and the maximum. */
const DELAY = { first: 250, max: 4_000 }
/** Maximum `Retry-After` that the gateway waits for, in ms. A client that gets a longer one decides for itself. */
const LONGEST_RETRY_AFTER = 30_000

export function createUpstreams(options: readonly UpstreamOptions[], limits: GatewayLimits): Upstreams {
  const all = options.map((each) => createUpstream(each, limits))

  return {
    isSole: all.length === 1,
    has: (prefix) => all.some((each) => isBelow(each, prefix)),
    choose(prefix, model) {
      const below = all.filter((each) => isBelow(each, prefix))
      const named = below.filter(({ options: { models } }) => model !== undefined && isMatch(models, model))
      const general = below.filter(({ options: { models } }) => models === undefined)
      if (named.length > 0) return named
      if (general.length > 0) return general
      if (model === undefined) return below.slice(0, 1)
      throw new HttpError(404, "model_not_found", "No upstream answers for this model. Check the name of the model.")
    },
    find: (url) => all.find((each) => each.options.url === url),
    async ask(from, question, signal) {
      const isOnce = question.body !== undefined && "req" in question.body
      const retries = isOnce ? 0 : Math.max(limits.retries, from.length - 1)
      /** When each upstream that has failed may be asked again. */
      const again = new Map<Upstream, number>()
      for (let tries = 0; ; tries++) {
        const upstream = from[tries % from.length] as Upstream
        const next = from[(tries + 1) % from.length] as Upstream
        const outcome = await upstream.ask(question, signal).catch((error: unknown) => {
          if (!(error instanceof HttpError) || error.status < 500) throw error
          return error
        })
        const failure = outcome instanceof HttpError ? outcome : undefined
        const answer = outcome instanceof HttpError ? undefined : outcome
        const now = Date.now()
        const given = answer ? retryAfterOf(answer.headers, now) : 0
        again.set(upstream, now + Math.max(given, backoff(Math.floor(tries / from.length))))
        const wait = Math.max(0, (again.get(next) ?? 0) - now)
        const isLast = tries === retries || wait > LONGEST_RETRY_AFTER
        if (failure && isLast) throw failure
        if (answer && (isLast || !RETRYABLE.has(answer.statusCode ?? 0))) return { answer, upstream }
        answer?.destroy()
        await setTimeout(wait, undefined, { signal }).catch(() => {})
      }
    },
    close() {
      for (const each of all) each.close()
    },
  }
}

const isBelow = ({ options: { prefix = "" } }: Upstream, path: string): boolean =>
  path === (prefix === "" ? "" : `/${prefix}`)

/** Whether `models`, a name or the start of one and `*`, contains the model. */
function isMatch(models: string | undefined, model: string): boolean {
  if (models === undefined) return false
  return models.endsWith("*") ? model.startsWith(models.slice(0, -1)) : model === models
}

/** The delay after a number of failures of the same upstream, in ms. */
function backoff(failures: number): number {
  return Math.min(DELAY.max, DELAY.first * 2 ** failures) * (0.5 + Math.random() / 2)
}
