export { createGateway, type Gateway, type GatewayOptions } from "./gateway.ts"
export type { UpstreamOptions } from "./upstream.ts"
