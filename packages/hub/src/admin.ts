import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { createAccess } from "./admin/access.ts"
import { createPage } from "./admin/page.ts"
import { STREAM_PATH } from "./admin/streams.ts"
import { adminRoutes, type AdminApiOptions } from "./admin/routes.ts"
import { createGuard, type Address } from "./guard.ts"
import { healthRoutes, type HealthOptions } from "./health.ts"
import { HttpError } from "./http-error.ts"
import { metricsRoute, type Scrape } from "./metrics/index.ts"
import { sendProblem } from "./respond.ts"
import { targetOf } from "./target.ts"

export interface AdminOptions
  extends Omit<HealthOptions, "hasNumbers" | "peers" | "log">, Omit<AdminApiOptions, "access"> {
  /** Returns the address of the admin port. */
  readonly address: () => Address
  readonly scrape: Scrape
}

/** Creates the server of the admin port: health checks with numbers and metrics for all that reach it, and for operators the dashboard and its API. */
export function createAdmin(options: AdminOptions): Server {
  const { auth, sessions, address, config, scrape, peers, onError } = options
  const access = createAccess({ auth, sessions, address })
  const guard = createGuard(address, config.publicUrls)
  const page = createPage()
  const routes = new Map([
    ...healthRoutes({ ...options, log: options.store.log, hasNumbers: true }),
    ["/metrics", metricsRoute(scrape, peers)] as const,
    ...adminRoutes({ ...options, access }),
  ])

  async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const target = targetOf(req)
    const path = target?.url.pathname ?? ""
    const route = routes.get(STREAM_PATH.test(path) ? "/admin/streams/" : path)
    const isAdmin = path.startsWith("/admin/") || path === "/admin"
    if (target && isAdmin) guard(req, { host: target.host })
    if (path === "/admin" || path === "/admin/" || path === "/admin/ui") {
      return void res.writeHead(302, { location: "/admin/ui/", "content-length": 0 }).end()
    }
    if (!target || !route) {
      if (await page.sendFile(res, path)) return
      throw new HttpError(
        404,
        "not_found",
        "The path does not exist. Use /admin/ui/, /metrics, /livez, /readyz or /healthz.",
      )
    }
    if (!route.methods.includes(req.method ?? "")) {
      const allow = route.methods.join(", ")
      throw new HttpError(405, "method_not_allowed", `Use ${allow}.`, { allow })
    }
    if (!route.isOpen) await access.admit(req)
    return route.answer(req, res, target.url)
  }

  return createServer((req, res) => {
    req.on("error", () => {})
    answer(req, res).catch((error: unknown) => sendProblem(req, res, error, { onError }))
  })
}
