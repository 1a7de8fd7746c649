import { createServer, type Server } from "node:http"
import { HttpError } from "./http-error.ts"
import { healthRoutes, type HealthOptions } from "./health.ts"
import { sendProblem } from "./respond.ts"
import { targetOf } from "./target.ts"

/** Creates the server of the admin port: health checks with numbers, for operators. */
export function createAdmin(options: Omit<HealthOptions, "hasNumbers">, onError: (error: unknown) => void): Server {
  const routes = new Map(healthRoutes({ ...options, hasNumbers: true }))
  return createServer((req, res) => {
    req.on("error", () => {})
    const url = targetOf(req)?.url
    const route = routes.get(url?.pathname ?? "")
    const answered = Promise.resolve().then(() => {
      if (!url || !route)
        throw new HttpError(404, "not_found", "The path does not exist. Use /livez, /readyz or /healthz.")
      if (!route.methods.includes(req.method ?? "")) {
        throw new HttpError(405, "method_not_allowed", "Use GET, HEAD.", { allow: route.methods.join(", ") })
      }
      return route.answer(req, res, url)
    })
    answered.catch((error: unknown) => sendProblem(req, res, error, onError))
  })
}
