import { request as requestPlain } from "node:http"
import { request } from "node:https"
import { checkHost, lookUpPublic, PrivateAddress } from "../public-address.ts"
import type { Webhook } from "./options.ts"
import { signatureOf } from "./sign.ts"

/** How much of an answer is read, in bytes: enough to use the connection again for a short one. */
const MAX_ANSWER = 16_384

/** What became of an attempt, in one word for metrics. */
export type Outcome = "delivered" | "status" | "timeout" | "unreachable" | "private_address"

/** What became of an attempt. */
export interface Attempt {
  readonly outcome: Outcome
  /** Why it failed, for people; undefined when it did not. */
  readonly failure?: string
  /** How long the receiver asks to wait, in ms. */
  readonly retryAfter?: number
}

/** Sends one delivery. Follows no redirect, and never rejects. */
export type Send = (id: string, body: string, now: number, signal: AbortSignal) => Promise<Attempt>

export function createSend({ url, secrets, timeout, isAllowed }: Webhook): Send {
  const rule = {
    isAllowed,
    advice: "list it in privateNetworks of the webhook if it is on your own network",
  }
  const lookup = lookUpPublic(rule)

  return (id, body, now, signal) =>
    new Promise((resolve) => {
      const fail = (outcome: Outcome, failure: string): void => resolve({ outcome, failure })
      const ended = AbortSignal.any([signal, AbortSignal.timeout(timeout)])
      try {
        checkHost(url, rule)
        const sent = (url.protocol === "http:" ? requestPlain : request)(url, {
          method: "POST",
          lookup,
          signal: ended,
          headers: {
            "content-type": "application/json",
            "content-length": Buffer.byteLength(body),
            "user-agent": "onward-hub",
            "webhook-id": id,
            "webhook-signature": signatureOf(body, secrets, now),
          },
        })
        sent.once("error", (error) => {
          if (ended.aborted && !signal.aborted) fail("timeout", `it did not answer within ${timeout} ms`)
          else fail(error instanceof PrivateAddress ? "private_address" : "unreachable", error.message)
        })
        // the response to a request without an Upgrade header can still be 101
        sent.once("upgrade", ({ statusCode }, socket) => {
          socket.destroy()
          fail("status", `it answered with status ${statusCode}`)
        })
        sent.once("response", (answer) => {
          const { statusCode = 0, headers } = answer
          let size = 0
          answer.on("data", (piece: Buffer) => {
            size += piece.length
            if (size > MAX_ANSWER) answer.destroy()
          })
          answer.on("error", () => {})
          // the status says everything; waiting for the rest of the answer would let it hold up the next delivery
          if (statusCode >= 200 && statusCode < 300) return resolve({ outcome: "delivered" })
          const after = Number(headers["retry-after"])
          resolve({
            outcome: "status",
            failure: `it answered with status ${statusCode}`,
            ...(after > 0 && { retryAfter: after * 1_000 }),
          })
        })
        sent.end(body)
      } catch (error) {
        fail(error instanceof PrivateAddress ? "private_address" : "unreachable", (error as Error).message)
      }
    })
}
