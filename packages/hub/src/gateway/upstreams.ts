import type { IncomingMessage } from "node:http"
import { setTimeout } from "node:timers/promises"
import { HttpError } from "../http-error.ts"
import type { GatewayLimits } from "./limits.ts"
import { createUpstream, type Question, type Upstream, type UpstreamOptions } from "./upstream.ts"

/** A provider's answer, and which provider it is of. */
export interface Answered {
  readonly answer: IncomingMessage
  readonly upstream: Upstream
}

/** The providers, and which of them answers what. */
export interface Upstreams {
  readonly isSole: boolean
  /** Whether anything is asked below this prefix. */
  has(prefix: string): boolean
  /**
   * Those that answer for a model, in the order they are asked; for what names no model, those that answer for all.
   * @throws HttpError 404 `model_not_found`
   */
  choose(prefix: string, model?: string): readonly Upstream[]
  /** The one with this base URL, if it is still there. */
  find(url: string): Upstream | undefined
  /** Asks them one after the other, until one answers. Before the first byte of an answer only. */
  ask(from: readonly Upstream[], question: Question, signal: AbortSignal): Promise<Answered>
  close(): void
}

/** What another upstream, or the same one later, may answer differently (RFC 9110 section 15, RFC 6585 section 4; 529 is Anthropic's). */
const MAY_CHANGE: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504, 529])
/** Wait before the same upstream is asked again, in ms: at first, and at most. */
const PAUSE = { first: 250, most: 4_000 }

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
      for (let tries = 0; ; tries++) {
        const upstream = from[tries % from.length] as Upstream
        const isLast = tries === retries
        const answer = await upstream.ask(question, signal).catch((error: unknown) => {
          if (isLast || !(error instanceof HttpError) || error.status < 500) throw error
          return undefined
        })
        if (answer && (isLast || !MAY_CHANGE.has(answer.statusCode ?? 0))) return { answer, upstream }
        answer?.destroy()
        if (from.length === 1) await pause(tries, signal)
      }
    },
    close() {
      for (const each of all) each.close()
    },
  }
}

const isBelow = ({ options: { prefix = "" } }: Upstream, asked: string): boolean =>
  asked === (prefix === "" ? "" : `/${prefix}`)

/** A name, or the beginning of one and `*`. */
function isMatch(models: string | undefined, model: string): boolean {
  if (models === undefined) return false
  return models.endsWith("*") ? model.startsWith(models.slice(0, -1)) : model === models
}

async function pause(tries: number, signal: AbortSignal): Promise<void> {
  const ms = Math.min(PAUSE.most, PAUSE.first * 2 ** tries)
  await setTimeout(ms * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => {})
}
