export { openTelemetry } from "./open-telemetry.ts"
export { withTraceContext, type RequestHeaders } from "./trace-context.ts"
