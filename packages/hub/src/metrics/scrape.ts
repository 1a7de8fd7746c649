import type { Hub } from "onward"
import { measureLog, tailLag } from "../admin/log-size.ts"
import type { Store } from "../store.ts"
import type { Webhooks } from "../webhooks/index.ts"
import type { Counting } from "./counting.ts"
import { logFamilies, processFamilies, tailFamilies, webhookFamilies } from "./gauges.ts"
import type { Family } from "./tallies.ts"

/** The text of a scrape, and its media type. */
export interface Exposition {
  readonly contentType: string
  readonly text: string
}

export interface ScrapeOptions {
  readonly hub: Hub
  readonly store: Pick<Store, "log" | "bytes">
  readonly counting: Counting
  /** Undefined without webhooks. */
  readonly webhooks: Webhooks | undefined
  readonly version: string
}

/** Reads the metrics of one process, and writes those of all. */
export interface Scrape {
  /** The metrics of this process, as plain data for another process. */
  families(): Promise<readonly Family[]>
  /**
   * The metrics of all workers as one text: in OpenMetrics if `accept` names it, else in Prometheus's format.
   * @param workers the `families` of each
   */
  write(workers: readonly (readonly Family[])[], accept: string | undefined): Promise<Exposition>
}

/** Loads prom-client, which only a hub with an admin port needs, and begins to measure the process. */
export async function createScrape({ hub, store, counting, webhooks, version }: ScrapeOptions): Promise<Scrape> {
  const { AggregatorRegistry, collectDefaultMetrics, Registry } = (await import("prom-client")).default
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const { OPENMETRICS_CONTENT_TYPE, PROMETHEUS_CONTENT_TYPE } = Registry

  async function standardFamilies(): Promise<Family[]> {
    const all = (await registry.getMetricsAsJSON()) as unknown as Standard[]
    // it would be left out
    return all.map((each) => (each.aggregator === "omit" ? { ...each, aggregator: "min" } : (each as Family)))
  }

  return {
    async families() {
      return [
        ...counting.families(),
        ...processFamilies(hub, counting, version),
        ...tailFamilies(await tailLag(store.log, hub.stats().position)),
        ...(webhooks ? webhookFamilies(webhooks.status()) : []),
        ...(await standardFamilies()),
      ]
    },

    async write(workers, accept) {
      const isOpen = accept?.includes("application/openmetrics-text") === true
      const ofLog = logFamilies(await measureLog(store), Date.now())
      const all = [...workers, ofLog].map((families) => (isOpen ? families.map(withoutTotal) : families))
      const summed = AggregatorRegistry.aggregate(all)
      const contentType = isOpen ? OPENMETRICS_CONTENT_TYPE : PROMETHEUS_CONTENT_TYPE
      summed.setContentType(contentType)
      return { contentType, text: await summed.metrics() }
    },
  }
}

/** A metric of prom-client's own. */
type Standard = Omit<Family, "aggregator"> & { readonly aggregator: Family["aggregator"] | "omit" }

/** In OpenMetrics the name of a counter lacks `_total`, which its samples have; prom-client adds it. */
const withoutTotal = (family: Family): Family =>
  family.type === "counter" ? { ...family, name: family.name.replace(/_total$/, "") } : family
