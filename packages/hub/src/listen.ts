import cluster from "node:cluster"
import { once } from "node:events"
import type { AddressInfo, Server } from "node:net"
import type { Environment } from "./config/index.ts"
import type { Address } from "./guard.ts"

/** The first file descriptor that systemd passes (systemd.io, sd_listen_fds(3)). */
const FIRST = 3

/** Where to listen: an address, or the file descriptor of an open socket. */
export type Endpoint = Address | { readonly fd: number }

/** Returns the sockets that systemd opened for this process. */
export function activatedSockets(env: Environment): { readonly hub?: number; readonly admin?: number } {
  // workers get the sockets of their primary process
  const owner = cluster.isWorker ? process.ppid : process.pid
  const count = Number(env["LISTEN_FDS"] ?? 0)
  if (Number(env["LISTEN_PID"]) !== owner || !(count > 0)) return {}
  const names = (env["LISTEN_FDNAMES"] ?? "").split(":")
  const all = Array.from({ length: count }, (_, at) => ({ fd: FIRST + at, isAdmin: names[at] === "admin" }))
  const hub = all.find(({ isAdmin }) => !isAdmin)?.fd
  const admin = all.find(({ isAdmin }) => isAdmin)?.fd
  return { ...(hub !== undefined && { hub }), ...(admin !== undefined && { admin }) }
}

/** Starts to listen. Resolves with the address, or rejects with the system's error. */
export async function listen(server: Server, endpoint: Endpoint): Promise<Address> {
  server.listen("fd" in endpoint ? { fd: endpoint.fd } : { host: endpoint.host, port: endpoint.port })
  await once(server, "listening")
  const { address: host, port } = server.address() as AddressInfo
  return { host, port }
}
