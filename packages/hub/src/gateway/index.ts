export { GATEWAY_FLAGS, GATEWAY_USAGE, readGateway, type GatewaySettings } from "./command-line.ts"
export { createGateway, type Gateway } from "./gateway.ts"
