export { createMercure, type Mercure } from "./mercure.ts"
export type { MercureSettings } from "./setting.ts"
