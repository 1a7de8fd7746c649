import { publishedLog, type Hub } from "onward"
import type { Auth } from "../auth/index.ts"
import { createBodies } from "../body.ts"
import type { Config } from "../config/index.ts"
import { sendJson } from "../respond.ts"
import { READ, type Route } from "../route.ts"
import type { Store } from "../store.ts"
import { createThrottle } from "../throttle.ts"
import type { Peers } from "../worker-calls.ts"
import type { Access } from "./access.ts"
import { explainRoute } from "./explain.ts"
import { liveRoute } from "./live.ts"
import { logRoutes } from "./log-inspector.ts"
import { tailRoute } from "./log-tail.ts"
import { sessionRoute } from "./session-routes.ts"
import type { SessionStore } from "./session-store.ts"
import { streamRoutes } from "./streams.ts"
import { topicRoutes } from "./topics.ts"
import { trimRoute } from "./trim.ts"
import { tryRoutes } from "./try.ts"
import { webhooksRoute } from "./webhooks.ts"
import type { Webhooks } from "../webhooks/index.ts"
import type { Recorder } from "./worker-numbers.ts"

export interface AdminApiOptions {
  readonly hub: Hub
  readonly store: Store
  readonly config: Config
  readonly auth: Auth | undefined
  readonly access: Access
  readonly sessions: SessionStore
  readonly recorder: Recorder
  /** Undefined without webhooks. */
  readonly webhooks: Webhooks | undefined
  readonly peers: Peers
  /** The URL of the hub for clients. */
  readonly hubUrl: () => string
  /** Aborted when the hub closes. */
  readonly closing: AbortSignal
  readonly onSignIn: (line: string) => void
  readonly onError: (error: unknown) => void
}

/** The admin API. Routes that are not open need an operator: see `Access`. */
export function adminRoutes(options: AdminApiOptions): [path: string, route: Route][] {
  const { hub, config, auth, access, sessions, hubUrl, closing, onSignIn, onError } = options
  const { limits, presence, retry } = config
  const log = publishedLog(options.store.log)
  const bodies = createBodies({ maxBytes: limits.bodyBytes, totalBytes: limits.bodiesBytes, limitName: "--max-body" })
  const throttle = createThrottle({ rate: limits.publishRate })
  const streams = streamRoutes(hub, options.peers)
  const about = { hasAuth: auth !== undefined }
  return [
    ["/admin/session", sessionRoute({ auth, access, sessions, bodies, onSignIn })],
    ["/admin/about", { methods: READ, answer: (_, res) => sendJson(res, 200, { ...about, url: hubUrl() }) }],
    ["/admin/streams", streams.list],
    ["/admin/streams/", streams.one],
    ["/admin/live", liveRoute(options)],
    ["/admin/log/tail", tailRoute({ log, auth, closing, onError })],
    ...logRoutes({ log, auth }),
    ...topicRoutes({
      hub,
      log,
      auth,
      presence,
      streamsByTopic: () => streams.byTopic(),
    }),
    ["/admin/explain", explainRoute({ auth, bodies })],
    ["/admin/trim", trimRoute({ hub, bodies })],
    ["/admin/webhooks", webhooksRoute(options)],
    ...tryRoutes({ hub, auth, bodies, throttle, retry }),
  ]
}
