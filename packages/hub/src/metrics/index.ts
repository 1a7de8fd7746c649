export { createCounting } from "./counting.ts"
export { metricsRoute } from "./route.ts"
export { createScrape, type Scrape } from "./scrape.ts"
