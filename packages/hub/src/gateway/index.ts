export { createGateway, type Gateway } from "./gateway.ts"
export type { UpstreamOptions } from "./upstream.ts"
