import type { IncomingMessage } from "node:http"

/** The clients' addresses that trusted proxies reported. */
const forwarded = new WeakMap<IncomingMessage, string>()

/** Stores the address of a request's client that a trusted proxy reported. */
export function noteAddress(req: IncomingMessage, address: string): void {
  forwarded.set(req, address)
}

/** Returns the address of a request's client, also behind trusted proxies (`--trusted-proxy`). */
export const addressOf = (req: IncomingMessage): string => forwarded.get(req) ?? req.socket.remoteAddress ?? ""

/**
 * Returns the caller to whose limits a request counts: its address. For IPv6 it is the /64 network, because one machine has all 2^64 addresses
 * in it (RFC 6177).
 */
export const callerOf = (req: IncomingMessage): string => callerAt(addressOf(req))

/** Returns the caller of an address. */
export function callerAt(address: string): string {
  const [, mapped] = /^::ffff:(\d+(?:\.\d+){3})$/i.exec(address) ?? []
  if (mapped !== undefined) return mapped
  if (!address.includes(":")) return address
  const [head = "", tail] = address.replace(/%.*$/, "").toLowerCase().split("::")
  const before = head === "" ? [] : head.split(":")
  const after = tail === undefined || tail === "" ? [] : tail.split(":")
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => "0")
  return `${[...before, ...zeros, ...after].slice(0, 4).join(":")}::/64`
}
