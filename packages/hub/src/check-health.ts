import { request as requestPlain } from "node:http"
import { request as requestSecure } from "node:https"
import type { Config } from "./config/index.ts"

const TIMEOUT_MS = 3_000

/** Whether a hub with this configuration answers on this machine: at its admin port, if it has one. */
export function checkHealth({ host, port, admin, tls }: Config): Promise<boolean> {
  const isSecure = tls !== undefined && admin.port === undefined
  const at = admin.port === undefined ? { host, port } : { host: admin.host, port: admin.port }
  const isOnAll = at.host === "0.0.0.0" || at.host === "::"
  return new Promise((resolve) => {
    const request = isSecure ? requestSecure : requestPlain
    const options = {
      host: isOnAll ? "127.0.0.1" : at.host,
      port: at.port,
      path: "/livez",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }
    // the certificate is for the public name, and this asks by an address of the machine itself
    const asked = request({ ...options, ...(isSecure && { rejectUnauthorized: false }) }, (res) => {
      res.resume()
      resolve(res.statusCode === 200)
    })
    asked.once("error", () => resolve(false))
    // the response to a request without an Upgrade header can still be 101
    asked.once("upgrade", (_, socket) => {
      socket.destroy()
      resolve(false)
    })
    asked.end()
  })
}
