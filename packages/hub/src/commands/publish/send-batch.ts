import { setTimeout as sleep } from "node:timers/promises"
import { OnwardError } from "onward"
import { messageOf } from "../explain-refusal.ts"
import type { Server } from "../server.ts"
import type { Batch } from "./batches.ts"

/** What the hub answered for one message. */
export interface Stored {
  readonly id: string
  /** Whether the hub had the message already. */
  readonly isRepeated: boolean
}

export interface SendOptions {
  readonly server: Server
  /** How long to retry, in ms. */
  readonly timeout: number
  /** Called once, when the first attempt failed. */
  readonly onRetry: (reason: string) => void
}

/** Statuses after which the same request can succeed later. */
const LATER: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504])
/** Delays between attempts, in ms. */
const FIRST_DELAY = 100
const MAX_DELAY = 2_000
/** Maximum time of one request, in ms. */
const REQUEST_MS = 60_000

/** Publishes a batch. Repeats the request until the hub stored it, because idempotency keys make that safe. Rejects with an `OnwardError`. */
export async function sendBatch({ messages }: Batch, { server, timeout, onRetry }: SendOptions): Promise<Stored[]> {
  const body = messages.map(({ json }) => `${json}\n`).join("")
  const until = performance.now() + timeout
  for (let delay = FIRST_DELAY, attempt = 1; ; delay = Math.min(delay * 2, MAX_DELAY), attempt++) {
    const answer = await post(server, body)
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

async function post({ url, headers }: Server, body: string): Promise<Answer> {
  try {
    const response = await fetch(new URL("publish", url), {
      method: "POST",
      headers: { ...headers, "content-type": "application/x-ndjson" },
      body,
      redirect: "manual",
      signal: AbortSignal.timeout(REQUEST_MS),
    })
    const text = await response.text()
    const { status } = response
    if (status === 200) return { stored: readAnswer(text) }
    const what = messageOf(text) ?? "See the hub's log."
    return {
      reason: `The hub answered with status ${status}: ${what}`,
      status,
      isFinal: !LATER.has(status),
      retryAfter: Number(response.headers.get("retry-after") ?? 0) * 1_000 || 0,
    }
  } catch (error) {
    if (error instanceof OnwardError) throw error
    const { cause } = error as { readonly cause?: { readonly code?: string; readonly message?: string } }
    const why = cause?.code ?? cause?.message ?? String(error)
    const reason = `The hub at ${url} cannot be reached: ${why}. Check --url and that the hub runs.`
    return { reason, status: 0, isFinal: false, retryAfter: 0, cause: error }
  }
}

function readAnswer(text: string): Stored[] {
  try {
    const { ids, repeated } = JSON.parse(text) as { readonly ids: readonly string[]; readonly repeated?: boolean[] }
    return ids.map((id, at) => ({ id, isRepeated: repeated?.[at] === true }))
  } catch {
    throw new OnwardError("invalid_request", "The server does not answer like a hub of Onward. Check --url.", {
      status: 200,
    })
  }
}
