import { setTimeout as sleep } from "node:timers/promises"
import { OnwardError } from "onward"
import { readText } from "../../read-text.ts"
import { messageOf } from "../explain-refusal.ts"
import { mercureUrl, type Server } from "../server.ts"
import type { Batch } from "./batches.ts"
import type { MercureFields } from "./command-line.ts"
import { formOf } from "./mercure-form.ts"

/** What the hub answered for one message. */
export interface Stored {
  readonly id: string
  /** Whether the hub had the message already. */
  readonly isRepeated: boolean
}

export interface SendOptions {
  readonly server: Server
  /** For the Mercure endpoint: a batch is one message then. @default Onward's own API */
  readonly mercure?: MercureFields | undefined
  /** How long to retry, in ms. */
  readonly timeout: number
  /** Called once, when the first attempt failed. */
  readonly onRetry: (reason: string) => void
}

/** Statuses after which the same request can succeed later. */
const LATER: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504])
/** The same for a request that must not be handled twice: the hub refuses it before it reads it. */
const NOT_TAKEN: ReadonlySet<number> = new Set([429, 503])
/** Delays between attempts, in ms. */
const FIRST_DELAY = 100
const MAX_DELAY = 2_000
/** Maximum time of one request, in ms, and size of its response, in bytes: an id has at most a few hundred. */
const REQUEST_MS = 60_000
const MAX_BYTES = 4 * 1024 ** 2

/**
 * Publishes a batch. Repeats the request until the hub stored it, because idempotency keys make that safe; updates of Mercure have none, so they
 * are sent again only if the hub did not take them. Rejects with an `OnwardError`.
 */
export async function sendBatch(
  { messages }: Batch,
  { server, mercure, timeout, onRetry }: SendOptions,
): Promise<Stored[]> {
  const { headers } = server
  const request: PostRequest = mercure
    ? {
        ...{ url: mercureUrl(server), headers, later: NOT_TAKEN },
        type: "application/x-www-form-urlencoded",
        body: formOf(messages[0]?.json ?? "", mercure),
        read: (text) => [{ id: text, isRepeated: false }],
      }
    : {
        ...{ url: new URL("publish", server.url), headers, later: LATER },
        type: "application/x-ndjson",
        body: messages.map(({ json }) => `${json}\n`).join(""),
        read: readAnswer,
      }
  const until = performance.now() + timeout
  for (let delay = FIRST_DELAY, attempt = 1; ; delay = Math.min(delay * 2, MAX_DELAY), attempt++) {
    const answer = await post(request)
    if ("stored" in answer) return answer.stored
    const { reason, isFinal, retryAfter, cause } = answer
    const wait = Math.max(retryAfter, delay * (0.5 + Math.random() / 2))
    if (isFinal || performance.now() + wait > until) {
      throw new OnwardError(isFinal ? "bad_status" : "network_error", reason, { status: answer.status, cause })
    }
    if (attempt === 1) onRetry(reason)
    await sleep(wait)
  }
}

type Answer =
  | { readonly stored: Stored[] }
  | {
      readonly reason: string
      readonly status: number
      readonly isFinal: boolean
      readonly retryAfter: number
      readonly cause?: unknown
    }

interface PostRequest {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly type: string
  readonly body: string
  /** Statuses after which the request is sent again. */
  readonly later: ReadonlySet<number>
  readonly read: (text: string) => Stored[]
}

async function post({ url, headers, type, body, later, read }: PostRequest): Promise<Answer> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { ...headers, "content-type": type },
      body,
      redirect: "manual",
      signal: AbortSignal.timeout(REQUEST_MS),
    })
    const text = await readText(response, MAX_BYTES)
    const { status } = response
    if (status === 200) return { stored: read(text) }
    const what = messageOf(text) ?? "See the hub's log."
    return {
      reason: `The hub answered with status ${status}: ${what}`,
      status,
      isFinal: !later.has(status),
      retryAfter: Number(response.headers.get("retry-after") ?? 0) * 1_000 || 0,
    }
  } catch (error) {
    if (error instanceof OnwardError) throw error
    const { cause } = error as { readonly cause?: { readonly code?: string; readonly message?: string } }
    const why = cause?.code ?? cause?.message ?? String(error)
    const reason = `The hub at ${url.origin} cannot be reached: ${why}. Check --url and that the hub runs.`
    // only this one says that nothing was sent
    const isFinal = later === NOT_TAKEN && cause?.code !== "ECONNREFUSED"
    return { reason, status: 0, isFinal, retryAfter: 0, cause: error }
  }
}

function readAnswer(text: string): Stored[] {
  try {
    const { ids, repeated } = JSON.parse(text) as { readonly ids: readonly string[]; readonly repeated?: boolean[] }
    return ids.map((id, at) => ({ id, isRepeated: repeated?.[at] === true }))
  } catch {
    throw new OnwardError("invalid_request", "The server does not answer like a hub of Onward. Check --url.")
  }
}
