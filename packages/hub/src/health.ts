import type { ServerResponse } from "node:http"
import type { Hub, Log } from "onward"
import { sendJson } from "./respond.ts"
import { READ, type Route } from "./route.ts"

export interface HealthOptions {
  readonly hub: Hub
  readonly log: Log
  /** Whether the hub was told to end. */
  readonly isDraining: () => boolean
  /** Whether `/healthz` tells numbers: for operators only. */
  readonly hasNumbers: boolean
}

/** Paths that are answered for any host name, because load balancers ask by addresses and names of pods. */
export const HEALTH_PATHS: ReadonlySet<string> = new Set(["/livez", "/readyz", "/healthz"])

/**
 * - `GET /livez`: 200 while the process answers at all. Restart a process that does not.
 * - `GET /readyz`: 200 while it should get requests; 503 while its log does not answer, and as soon as it was told to end.
 * - `GET /healthz`: the same as `/readyz`, with numbers for operators.
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
