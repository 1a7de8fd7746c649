import type { IncomingMessage, ServerResponse } from "node:http"
import type { RunObservation } from "onward/runs"
import { createBodies } from "../body.ts"
import { HttpError } from "../http-error.ts"
import { createAbandonment } from "./abandonment.ts"
import { proxy, withBody, type Asked, type Setting } from "./ask.ts"
import { ownerOf, type GatewayCaller } from "./caller.ts"
import type { GatewaySettings } from "./settings.ts"
import { answerCors } from "./cors.ts"
import { create } from "./create.ts"
import { MIN_EVENT } from "./frames.ts"
import { checkRequest } from "./headers.ts"
import { createKinds, type KindsOptions } from "./kinds.ts"
import { LIMITS, type GatewayLimits } from "./limits.ts"
import { createNames } from "./names.ts"
import { readPath } from "./path.ts"
import { routeOf, type KindName } from "./routes.ts"
import { createUpstreams } from "./upstreams.ts"
import { checkReferences, unknownRun, visit } from "./visit.ts"

export interface GatewayOptions extends KindsOptions, GatewaySettings {
  /** Called for each event of a run in this process, with the path of its requests below `/v1`. */
  readonly onRunEvent?: (path: string, event: RunObservation) => void
}

/** A proxy between clients and providers that makes their streams resumable runs. */
export interface Gateway {
  /** Origins whose pages can use the gateway. */
  readonly origins: readonly string[]
  /** Whether the gateway handles this path. */
  owns(pathname: string): boolean
  /**
   * Handles a request. Rejects with an error for the client.
   * @param identify returns the caller of a request that uses the gateway's key; without it, requests with the same credentials have the same
   *   owner
   */
  answer(req: IncomingMessage, res: ServerResponse, identify?: () => Promise<GatewayCaller>): Promise<void>
  /** Ends the runs of this process as failed, and closes the log. */
  close(): Promise<void>
}

/** Maximum size of all bodies that are read at once, in multiples of the largest one. */
const BODIES = 4

const compressed = (): HttpError =>
  new HttpError(
    415,
    "unsupported_media_type",
    "The gateway cannot check the ids in a compressed body. Send it without Content-Encoding.",
  )

/** Requests whose bodies some providers read as JSON with any Content-Type. */
const ALWAYS_JSON = /^\/(?:responses|conversations)\b/

/** Bodies that no provider reads as JSON. */
const BINARY = /^(?:multipart\/form-data|application\/octet-stream|audio\/|image\/|video\/)/i

export function createGateway(options: GatewayOptions): Gateway {
  const limits: GatewayLimits = { ...LIMITS, ...options.limits }
  const upstreams = createUpstreams(options.upstreams, limits)
  const abandonment = createAbandonment({
    after: limits.abandonAfter,
    onError: options.onError,
    runsOf: (path) => Object.values(all).find((kind) => kind.path === path)?.runs,
  })
  const onEvent = (path: string, event: RunObservation): void => {
    abandonment.onEvent(path, event)
    options.onRunEvent?.(path, event)
  }
  const kinds = createKinds(options, {
    maxChars: limits.answerBytes * 2,
    maxFrames: Math.ceil(limits.answerBytes / MIN_EVENT) + 1,
    onEvent,
  })
  const { chat, responses, messages } = kinds
  const all = { chat, responses, messages }
  const setting: Setting = {
    upstreams,
    kinds,
    abandonment,
    names: createNames(options.log, kinds.hub),
    bodies: createBodies({
      maxBytes: limits.requestBytes,
      totalBytes: limits.requestBytes * BODIES,
      // behind a proxy all clients have one address
      shareBytes: (limits.requestBytes * BODIES) / 2,
      stallTimeout: limits.uploadTimeout,
      limitName: "--upstream-max-request",
    }),
    limits,
    allowUnknownIds: options.allowUnknownIds,
    onError: options.onError,
  }

  /** Handles a request that is not for one answer. A stream becomes a run. */
  function make(asked: Asked, kind: KindName | undefined): Promise<void> {
    const { req, method, path } = asked
    const type = req.headers["content-type"] ?? ""
    const isChosenByBody = !upstreams.isSole && method === "POST" && /\bjson\b|^$/i.test(type)
    const mayBeBinary = kind === undefined && !ALWAYS_JSON.test(path.path)
    const isChecked = hasKey(path.prefix) && !(mayBeBinary && BINARY.test(type))
    if (isChecked && req.headers["content-encoding"] !== undefined) throw compressed()
    const isRead = kind !== undefined || isChosenByBody || isChecked
    return withBody(setting, asked, { isRead }, async (read) => {
      if (read.upstreams.some(({ options: { key } }) => key !== undefined)) await checkReferences(setting, read)
      if (!kind || !read.isStream) return proxy(setting, read)
      // fails here if the log is unavailable, before the provider costs money
      await options.log.bounds()
      return create(setting, kinds[kind], read)
    })
  }

  const hasKey = (prefix: string): boolean =>
    upstreams.choose(prefix).some((upstream) => upstream.options.key !== undefined)

  return {
    origins: options.origins,
    owns(pathname) {
      const [, prefix] = /^((?:\/[^/]+)?)\/v1\//.exec(pathname) ?? []
      return prefix !== undefined && upstreams.has(prefix)
    },
    async answer(req, res, identify) {
      if (answerCors(req, res, options.origins)) return undefined
      checkRequest(req)
      const { method = "GET", url = "" } = req
      const path = readPath(url)
      if (!upstreams.has(path.prefix)) throw unknownRun()
      const caller = identify && hasKey(path.prefix) ? await identify() : undefined
      const owner = caller?.owner ?? ownerOf(req.headers, path.search)
      const asked: Asked = { req, res, method, path, owner, caller, query: new URLSearchParams(path.search) }
      const route = routeOf(method, path.segments)
      if (route.type === "create") return make(asked, route.kind)
      if (route.type === "answer") return visit(setting, kinds[route.kind], asked, route)
      if (hasKey(asked.path.prefix)) {
        // the gateway's key can read the objects of all callers
        if (route.type === "unknown") throw unknownRun()
        if (route.type === "thing" && (await setting.names.find(route.family, route.id, owner)).isOthers) {
          throw unknownRun()
        }
      }
      return make(asked, undefined)
    },
    async close() {
      abandonment.close()
      await kinds.close()
      upstreams.close()
    },
  }
}
