import { get as getPlain, type RequestOptions } from "node:http"
import { get } from "node:https"
import type { JSONWebKeySet } from "jose"
import { checkHost, lookUpPublic } from "../public-address.ts"

/** How long an answer may take, in ms. */
const TIMEOUT_MS = 5_000
/** Largest key set, in bytes, and most keys in it. */
const MAX_BYTES = 262_144
const MAX_KEYS = 100

/**
 * Reads a key set. Follows no redirect, and connects to no private address unless that is allowed.
 * @throws Error that says what happened
 */
export async function fetchJwks(
  url: URL,
  { allowPrivate }: { readonly allowPrivate: boolean },
): Promise<JSONWebKeySet> {
  if (!allowPrivate) checkHost(url, RULE)
  const text = await load(url, {
    ...(!allowPrivate && { lookup: lookUpPublic(RULE) }),
    headers: { accept: "application/json" },
  })
  const set = JSON.parse(text) as Partial<JSONWebKeySet> | null
  if (!Array.isArray(set?.keys)) throw new Error("the answer has no list `keys`")
  if (set.keys.length > MAX_KEYS) throw new Error(`the answer has more than ${MAX_KEYS} keys`)
  return set as JSONWebKeySet
}

const RULE = { advice: "set allowPrivateJwks if the key set is on your own network" }

function load(url: URL, options: RequestOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    const request = (url.protocol === "http:" ? getPlain : get)(url, { ...options, agent: false, signal }, (answer) => {
      if (answer.statusCode !== 200) {
        answer.destroy()
        return reject(new Error(`it answered with status ${answer.statusCode}`))
      }
      const pieces: Buffer[] = []
      let size = 0
      answer.on("data", (piece: Buffer) => {
        size += piece.length
        if (size > MAX_BYTES) request.destroy(new Error(`the answer has more than ${MAX_BYTES} bytes`))
        else pieces.push(piece)
      })
      answer.once("end", () => resolve(Buffer.concat(pieces).toString()))
      answer.once("error", reject)
    })
    // the response to a request without an Upgrade header can still be 101
    request.once("upgrade", ({ statusCode }, socket) => {
      socket.destroy()
      reject(new Error(`it answered with status ${statusCode}`))
    })
    request.once("error", (error) =>
      reject(signal.aborted ? new Error(`it did not answer within ${TIMEOUT_MS} ms`) : error),
    )
  })
}
