import type { ServerResponse } from "node:http"
import type { Hub, Log } from "onward"
import { sendJson } from "./respond.ts"

/** `GET /healthz`: 200 while the log answers, 503 while it does not. */
export async function health(hub: Hub, log: Log, res: ServerResponse): Promise<void> {
  const { connections, live } = hub.stats()
  const isUp = await log.bounds().then(
    () => true,
    () => false,
  )
  const uptime = Math.floor(process.uptime())
  sendJson(res, isUp ? 200 : 503, { status: isUp ? "ok" : "log_unavailable", connections, live, uptime })
}
