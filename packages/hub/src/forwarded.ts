import type { IncomingMessage } from "node:http"
import { BlockList, isIP } from "node:net"
import { callerAt } from "./caller.ts"

/** Whether the proxy at this address is believed when it says which client it forwards for. */
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
    // an IPv4 network written as IPv6 counts 96 bits more
    const length = prefix === undefined ? bits : Number(prefix) - (address === text ? 0 : 96)
    if (version === 0 || text.includes("%") || length < 0 || length > bits) {
      throw new TypeError(`"${entry}" is not an IP address or a network such as 10.0.0.0/8`)
    }
    networks.addSubnet(address, length, familyOf(version))
  }
  return (address) => {
    const version = isIP(address)
    return version !== 0 && networks.check(address, familyOf(version))
  }
}

/** The address of a proxy, or a network of them. Throws an `Error` that says what to use. */
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
 * The address of the client of a request. Trusted proxies append the address they were asked from to `X-Forwarded-For` or to `Forwarded`
 * (RFC 7239), and pass on what was there, which the client may have made up. So the right-most address that is not a trusted proxy counts.
 * When both headers are there and disagree, one of them came from the client, and the proxy's own address counts.
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

/** An address on the way of a request; undefined when the proxy that was asked from there does not tell. */
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
 * The `for` of each element. A header that is not well formed tells nothing: a quotation mark that a client left open would swallow what
 * proxies appended.
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

/** The address in `192.0.2.1:4711`, `[2001:db8::1]:4711` and the like; undefined when it is none, such as `unknown` or `_hidden`. */
function toAddress(text: string): Hop {
  const [, bracketed, v4 = text] = /^(?:\[([^\]]*)\](?::\d+)?|([\d.]+):\d+)$/.exec(text) ?? []
  const address = plain(bracketed ?? v4)
  return isIP(address) === 0 ? undefined : address
}

const plain = (address: string): string => unmapped(address.replace(/%.*$/s, ""))

/** An IPv4 address that is written as an IPv6 one is the IPv4 one. */
const unmapped = (address: string): string => address.replace(/^::ffff:(?=\d+(?:\.\d+){3}$)/i, "")
