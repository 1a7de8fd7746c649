import cluster from "node:cluster"
import { once } from "node:events"
import type { AddressInfo, Server } from "node:net"
import type { Environment } from "./config/index.ts"
import type { Address } from "./guard.ts"

/** The first file descriptor that systemd hands over (systemd.io, sd_listen_fds(3)). */
const FIRST = 3

/** A place to listen: an address, or a socket that somebody opened. */
export type Place = Address | { readonly fd: number }

/** The sockets that systemd opened for this process, by their names. */
export function activatedSockets(env: Environment): { readonly hub?: number; readonly admin?: number } {
  // workers get the sockets of the process that leads them
  const owner = cluster.isWorker ? process.ppid : process.pid
  const count = Number(env["LISTEN_FDS"] ?? 0)
  if (Number(env["LISTEN_PID"]) !== owner || !(count > 0)) return {}
  const names = (env["LISTEN_FDNAMES"] ?? "").split(":")
  const all = Array.from({ length: count }, (_, at) => ({ fd: FIRST + at, isAdmin: names[at] === "admin" }))
  const hub = all.find(({ isAdmin }) => !isAdmin)?.fd
  const admin = all.find(({ isAdmin }) => isAdmin)?.fd
  return { ...(hub !== undefined && { hub }), ...(admin !== undefined && { admin }) }
}

/** Listens; resolves to the address. Rejects with what the system says. */
export async function listen(server: Server, place: Place): Promise<Address> {
  server.listen("fd" in place ? { fd: place.fd } : { host: place.host, port: place.port })
  await once(server, "listening")
  const { address: host, port } = server.address() as AddressInfo
  return { host, port }
}
