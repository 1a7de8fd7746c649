import type { ServerResponse } from "node:http"
import type { Hub, Log } from "onward"
import { sendJson } from "./respond.ts"
import { READ, type Route } from "./route.ts"

export interface HealthOptions {
  readonly hub: Hub
  readonly log: Log
  /** Whether the hub is closing. */
  readonly isDraining: () => boolean
  /** Whether `/healthz` contains numbers, which only operators may see. */
  readonly hasNumbers: boolean
}

/** Paths that are served for any host name, because load balancers use addresses and names of pods. */
export const HEALTH_PATHS: ReadonlySet<string> = new Set(["/livez", "/readyz", "/healthz"])

/**
 * - `GET /livez`: 200 while the process works. Restart a process that does not respond.
 * - `GET /readyz`: 200 while the process should get requests; 503 while its log is unavailable, and when it closes.
 * - `GET /healthz`: like `/readyz`, with numbers for operators.
 */
export function healthRoutes({ hub, log, isDraining, hasNumbers }: HealthOptions): [path: string, route: Route][] {
  async function ready(res: ServerResponse, numbers: () => object): Promise<void> {
    const isUp = await log.bounds().then(
      () => true,
      () => false,
    )
    const status = isDraining() ? "draining" : isUp ? "ok" : "log_unavailable"
    sendJson(res, status === "ok" ? 200 : 503, { status, ...numbers() })
  }

  function numbers(): object {
    if (!hasNumbers) return {}
    const { connections, live } = hub.stats()
    return { connections, live, uptime: Math.floor(process.uptime()) }
  }

  return [
    ["/livez", { methods: READ, isOpen: true, answer: (_, res) => sendJson(res, 200, { status: "ok" }) }],
    ["/readyz", { methods: READ, isOpen: true, answer: (_, res) => ready(res, () => ({})) }],
    ["/healthz", { methods: READ, isOpen: true, answer: (_, res) => ready(res, numbers) }],
  ]
}
