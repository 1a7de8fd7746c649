import type { Peers } from "../worker-calls.ts"
import { READ, type Route } from "../route.ts"
import { SECURITY_HEADERS } from "../respond.ts"
import type { Scrape } from "./scrape.ts"
import type { Family } from "./tallies.ts"

/** What workers ask each other. */
const METRICS = "metrics"

/** `GET /metrics`: the metrics of all workers, for Prometheus. A worker that does not answer within a second is left out. */
export function metricsRoute(scrape: Scrape, peers: Peers): Route {
  peers.answer(METRICS, () => scrape.families())
  return {
    methods: READ,
    isOpen: true,
    async answer(req, res) {
      const workers = await peers.askAll<readonly Family[]>(METRICS)
      const { contentType, text } = await scrape.write(workers, req.headers.accept)
      res.writeHead(200, { "content-type": contentType, "cache-control": "no-store", ...SECURITY_HEADERS })
      res.end(req.method === "HEAD" ? undefined : text)
    },
  }
}
