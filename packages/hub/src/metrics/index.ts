export { createCounting, type Counting } from "./counting.ts"
export type { RequestCounts } from "./requests.ts"
export { metricsRoute } from "./route.ts"
export { createScrape, type Scrape } from "./scrape.ts"
