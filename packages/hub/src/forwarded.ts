import type { IncomingMessage } from "node:http"
import { isIP } from "node:net"
import { callerAt } from "./caller.ts"
import { unmapped, type IsInside } from "./networks.ts"

/** Whether the proxy at this address is trusted to name its client. */
export type IsTrusted = IsInside

/**
 * Returns the address of a request's client. Trusted proxies append their client's address to `X-Forwarded-For` or `Forwarded` (RFC 7239), and
 * keep the earlier ones, which a client can invent. So the client is the right-most address that is not a trusted proxy. If both headers exist
 * and differ, one of them came from the client, and the proxy's own address is used.
 */
export function clientAddress({ socket, headers }: IncomingMessage, isTrusted: IsTrusted): string {
  const peer = plain(socket.remoteAddress ?? "")
  if (!isTrusted(peer)) return peer
  const [address = peer, other = address] = [
    hopsOfXForwardedFor(headers["x-forwarded-for"]),
    hopsOfForwarded(headers.forwarded),
  ].flatMap((hops) => (hops ? [nearestUntrusted(hops, peer, isTrusted)] : []))
  return callerAt(address) === callerAt(other) ? address : peer
}

/** An address on the way of a request; undefined if its proxy hides it. */
type Hop = string | undefined

function nearestUntrusted(hops: readonly Hop[], peer: string, isTrusted: IsTrusted): string {
  let nearest = peer
  for (const hop of hops.toReversed()) {
    if (hop === undefined) break
    nearest = hop
    if (!isTrusted(hop)) break
  }
  return nearest
}

function hopsOfXForwardedFor(header: string | readonly string[] | undefined): readonly Hop[] | undefined {
  if (header === undefined) return undefined
  const parts = String(header).split(",")
  return parts.filter((part) => part.trim() !== "").map((part) => toAddress(part.trim()))
}

/**
 * Returns the `for` of each element, or nothing if the header is malformed: a client could hide what proxies append with an unclosed quotation
 * mark.
 */
function hopsOfForwarded(header: string | undefined): readonly Hop[] | undefined {
  if (header === undefined) return undefined
  const pair = /[ \t]*([\w!#$%&'*+.^`|~-]+)=(?:([^\s",;]+)|"((?:[^"\\]|\\.)*)")[ \t]*([;,]|$)/y
  const hops: Hop[] = []
  let hop: Hop
  while (pair.lastIndex < header.length) {
    const [all, name = "", bare, quoted, end] = pair.exec(header) ?? []
    if (all === undefined) return []
    if (name.toLowerCase() === "for") hop = toAddress(bare ?? quoted ?? "")
    if (end === ";") continue
    hops.push(hop)
    hop = undefined
  }
  return /[;,]\s*$/.test(header) ? [] : hops
}

/** Returns the address in `192.0.2.1:4711` or `[2001:db8::1]:4711`; undefined for another text, such as `unknown` or `_hidden`. */
function toAddress(text: string): Hop {
  const [, bracketed, v4 = text] = /^(?:\[([^\]]*)\](?::\d+)?|([\d.]+):\d+)$/.exec(text) ?? []
  const address = plain(bracketed ?? v4)
  return isIP(address) === 0 ? undefined : address
}

const plain = (address: string): string => unmapped(address.replace(/%.*$/s, ""))
