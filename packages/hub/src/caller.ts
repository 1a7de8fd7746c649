import type { IncomingMessage } from "node:http"

/** Addresses that trusted proxies told, of requests that came through one. */
const told = new WeakMap<IncomingMessage, string>()

/** Notes the address of the client that a proxy asks for. */
export function noteAddress(req: IncomingMessage, address: string): void {
  told.set(req, address)
}

/** The address of the client, behind trusted proxies too (`--trusted-proxy`). */
export const addressOf = (req: IncomingMessage): string => told.get(req) ?? req.socket.remoteAddress ?? ""

/**
 * The client whose share of a limit a request counts against: the address it comes from. An IPv6 address counts by its /64 network, because
 * one machine has all 2^64 addresses of it (RFC 6177).
 */
export const callerOf = (req: IncomingMessage): string => callerAt(addressOf(req))

/** The caller that an address belongs to. */
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
