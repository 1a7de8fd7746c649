export { createMercure, type DescribedRoute, type Mercure, type MercureObserver } from "./mercure.ts"
export type { MercureSettings } from "./setting.ts"
