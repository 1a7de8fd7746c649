export { createGateway, type Gateway } from "./gateway.ts"
export type { GatewayCaller } from "./caller.ts"
export type { GatewaySettings } from "./settings.ts"
