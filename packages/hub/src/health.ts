import type { ServerResponse } from "node:http"
import type { Hub, Log } from "onward"
import { sendJson } from "./respond.ts"
import type { Peers } from "./worker-calls.ts"
import { READ, type Route } from "./route.ts"

export interface HealthOptions {
  readonly hub: Hub
  readonly log: Log
  /** Whether the hub is closing. */
  readonly isDraining: () => boolean
  /** Whether `/healthz` contains numbers, which only operators may see. */
  readonly hasNumbers: boolean
  /** The other workers, whose numbers are added. @default only this process is counted */
  readonly peers?: Peers
}

interface Numbers {
  readonly connections: number
  readonly live: number
  /** Of the worker that runs longest, in seconds. */
  readonly uptime: number
}

/** What workers ask each other. */
const HEALTH = "health"

/** Paths that are served for any host name, because load balancers use addresses and names of pods. */
export const HEALTH_PATHS: ReadonlySet<string> = new Set(["/livez", "/readyz", "/healthz"])

/**
 * - `GET /livez`: 200 while the process works. Restart a process that does not respond.
 * - `GET /readyz`: 200 while the process should get requests; 503 while its log is unavailable, and when it closes.
 * - `GET /healthz`: like `/readyz`, with numbers for operators.
 */
export function healthRoutes({
  hub,
  log,
  isDraining,
  hasNumbers,
  peers,
}: HealthOptions): [path: string, route: Route][] {
  async function ready(res: ServerResponse, numbers: () => object | Promise<object>): Promise<void> {
    const isUp = await log.bounds().then(
      () => true,
      () => false,
    )
    const status = isDraining() ? "draining" : isUp ? "ok" : "log_unavailable"
    sendJson(res, status === "ok" ? 200 : 503, { status, ...(await numbers()) })
  }

  function own(): Numbers {
    const { connections, live } = hub.stats()
    return { connections, live, uptime: Math.floor(process.uptime()) }
  }

  if (hasNumbers) peers?.answer(HEALTH, own)

  async function numbers(): Promise<object> {
    if (!hasNumbers) return {}
    const workers = peers ? await peers.askAll<Numbers>(HEALTH) : [own()]
    return {
      connections: workers.reduce((sum, { connections }) => sum + connections, 0),
      live: workers.reduce((sum, { live }) => sum + live, 0),
      uptime: Math.max(0, ...workers.map(({ uptime }) => uptime)),
    }
  }

  return [
    ["/livez", { methods: READ, isOpen: true, answer: (_, res) => sendJson(res, 200, { status: "ok" }) }],
    ["/readyz", { methods: READ, isOpen: true, answer: (_, res) => ready(res, () => ({})) }],
    ["/healthz", { methods: READ, isOpen: true, answer: (_, res) => ready(res, numbers) }],
  ]
}
