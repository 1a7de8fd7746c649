export type { NatsConnection, NatsMessage } from "./connection.ts"
export { natsLog, type NatsLogOptions } from "./nats-log.ts"
