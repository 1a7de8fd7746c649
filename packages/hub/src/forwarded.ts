import type { IncomingMessage } from "node:http"
import { BlockList, isIP } from "node:net"
import { callerAt } from "./caller.ts"

/** Whether the proxy at this address is trusted to name its client. */
export type IsTrusted = (address: string) => boolean

/**
 * Reads the addresses of trusted proxies: `192.0.2.1`, `10.0.0.0/8`, `2001:db8::/32`.
 * @throws TypeError for an entry that is neither an address nor a network
 */
export function trustProxies(entries: readonly string[]): IsTrusted {
  const networks = new BlockList()
  for (const entry of entries) {
    const [, text = "", prefix] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(entry) ?? []
    const address = unmapped(text)
    const version = isIP(address)
    const bits = version === 4 ? 32 : 128
    // an IPv4 network in IPv6 notation has 96 more bits
    const length = prefix === undefined ? bits : Number(prefix) - (address === text ? 0 : 96)
    if (version === 0 || text.includes("%") || length < 0 || length > bits) {
      throw new TypeError(`"${entry}" is not an IP address or network. Use one such as 10.0.0.0/8.`)
    }
    networks.addSubnet(address, length, familyOf(version))
  }
  return (address) => {
    const version = isIP(address)
    return version !== 0 && networks.check(address, familyOf(version))
  }
}

/** Checks the address of a proxy or a network. Throws an `Error` whose message says what to use. */
export function checkNetwork(entry: string): string {
  try {
    trustProxies([entry])
    return entry
  } catch {
    throw new Error("an IP address or a network, such as 10.0.0.0/8")
  }
}

const familyOf = (version: number): "ipv4" | "ipv6" => (version === 4 ? "ipv4" : "ipv6")

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

/** Returns the IPv4 address of one in IPv6 notation. */
const unmapped = (address: string): string => address.replace(/^::ffff:(?=\d+(?:\.\d+){3}$)/i, "")
