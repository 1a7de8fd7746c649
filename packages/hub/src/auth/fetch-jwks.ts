import { lookup } from "node:dns"
import { get as getPlain, type RequestOptions } from "node:http"
import { get } from "node:https"
import { isIP, type LookupFunction } from "node:net"
import type { JSONWebKeySet } from "jose"
import { isPrivate } from "./private-address.ts"

/** How long an answer may take, in ms. */
const TIMEOUT_MS = 5_000
/** Largest key set, in bytes, and most keys in it. */
const MAX_BYTES = 262_144
const MAX_KEYS = 100

/**
 * Reads a key set. Follows no redirect, and connects to no private address unless that is allowed: what is checked is the address that the
 * connection goes to, so a name that resolves to another address the second time gains nothing.
 * @throws Error that says what happened
 */
export async function fetchJwks(
  url: URL,
  { allowPrivate }: { readonly allowPrivate: boolean },
): Promise<JSONWebKeySet> {
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1")
  // no lookup is made for an address
  if (!allowPrivate && isIP(host) !== 0 && isPrivate(host)) throw privateAddress(host)
  const text = await load(url, {
    ...(!allowPrivate && { lookup: lookUpPublic }),
    headers: { accept: "application/json" },
  })
  const set = JSON.parse(text) as Partial<JSONWebKeySet> | null
  if (!Array.isArray(set?.keys)) throw new Error("the answer has no list `keys`")
  if (set.keys.length > MAX_KEYS) throw new Error(`the answer has more than ${MAX_KEYS} keys`)
  return set as JSONWebKeySet
}

const privateAddress = (address: string): Error =>
  new Error(`${address} is a private address: set allowPrivateJwks if the key set is on your own network`)

const lookUpPublic: LookupFunction = (host, options, callback) => {
  lookup(host, { ...options, all: true }, (error, addresses) => {
    const found = addresses?.find(({ address }) => isPrivate(address))
    if (error) callback(error, "", 0)
    else if (found) callback(privateAddress(`${host} (${found.address})`), "", 0)
    else if (options.all) callback(null, addresses)
    else callback(null, addresses[0]?.address ?? "", addresses[0]?.family)
  })
}

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
    request.once("error", (error) =>
      reject(signal.aborted ? new Error(`it did not answer within ${TIMEOUT_MS} ms`) : error),
    )
  })
}
