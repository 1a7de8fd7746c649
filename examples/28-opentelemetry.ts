// Spans and metrics of a hub for OpenTelemetry. Start it with an SDK, which exports them: node --import @opentelemetry/auto-instrumentations-node/register
import http from "node:http"
import * as api from "@opentelemetry/api"
import { createHub } from "onward"
import { sse } from "onward/node"
import { openTelemetry, withTraceContext } from "onward/opentelemetry"

export const hub = createHub({ observe: openTelemetry(api) })

export const server = http.createServer((req, res) => {
  // not needed with an instrumentation of HTTP: makes the request's traceparent the parent of the stream's span
  withTraceContext(api, req.headers, () => sse(req, res, hub.subscribe({ topics: ["news"] })))
})
