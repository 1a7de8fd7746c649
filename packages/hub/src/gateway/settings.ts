import type { GatewayLimits } from "./limits.ts"
import type { UpstreamOptions } from "./upstream.ts"

/** The gateway settings of `onward serve`. */
export interface GatewaySettings {
  readonly upstreams: readonly UpstreamOptions[]
  readonly limits: Partial<GatewayLimits>
  /** Origins whose pages can use the gateway. */
  readonly origins: readonly string[]
  /** Whether requests with the gateway's key can refer to ids that no caller received here, such as files of the operator. @default false */
  readonly allowUnknownIds: boolean
}

/** Parses `[<for>=]<url>`. Throws an `Error` whose message says what to use. */
export function toUpstream(text: string): UpstreamOptions {
  const [, of, address = text] = /^(?!https?:)([^=]*)=(.*)$/.exec(text) ?? []
  const url = URL.parse(address)
  if (!url || !/^https?:$/.test(url.protocol) || url.search !== "" || url.hash !== "") {
    throw new Error("a base URL, such as https://api.openai.com/v1")
  }
  if (url.username !== "" || url.password !== "") {
    throw new Error("a URL without a key: leave the key to clients, or set ONWARD_UPSTREAM_KEY")
  }
  return { url: url.href, ...toScope(of) }
}

function toScope(of: string | undefined): Pick<UpstreamOptions, "models" | "prefix"> {
  if (of === undefined) return {}
  const prefix = /^\/([a-z0-9-]+)$/.exec(of)?.[1]
  if (prefix !== undefined && prefix !== "v1") return { prefix }
  if (of.startsWith("/") || !/^[^*\s]*\*?$/.test(of) || of === "") {
    throw new Error("a model, the beginning of models and *, or a path such as /ollama, before the =")
  }
  return { models: of }
}
