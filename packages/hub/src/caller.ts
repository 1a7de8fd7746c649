import type { IncomingMessage } from "node:http"

/**
 * Whose share of a limit a request counts against: the address it comes from. An IPv6 address counts by its /64 network, because one
 * machine has all 2^64 addresses of it (RFC 6177). Behind a proxy all clients share the proxy's address.
 */
export function callerOf({ socket }: IncomingMessage): string {
  return callerAt(socket.remoteAddress ?? "")
}

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
