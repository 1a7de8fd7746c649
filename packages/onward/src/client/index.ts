export { EventSource } from "./event-source.ts"
