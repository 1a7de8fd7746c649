import type { GatewayLimits } from "./limits.ts"
import type { UpstreamOptions } from "./upstream.ts"

/** What `onward serve` is told of its gateway. */
export interface GatewaySettings {
  readonly upstreams: readonly UpstreamOptions[]
  readonly limits: Partial<GatewayLimits>
  /** Origins whose pages may use it. */
  readonly origins: readonly string[]
}

/** Reads `[<for>=]<url>`. Throws an `Error` that says what to use. */
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
