import { filled, toNumber } from "../arguments.ts"
import { UsageError } from "../usage-error.ts"
import type { GatewayLimits } from "./limits.ts"
import type { UpstreamOptions } from "./upstream.ts"

/** What `onward serve` is told of its gateway. */
export interface GatewaySettings {
  readonly upstreams: readonly UpstreamOptions[]
  readonly limits: Partial<GatewayLimits>
  /** Origins whose pages may use it. */
  readonly origins: readonly string[]
}

export const GATEWAY_USAGE: string = `  --upstream [<for>=]<url>
                    a provider's base URL, such as https://api.openai.com/v1: streams asked for
                    at /v1 here are kept, and can be resumed; see docs/gateway.md. <for> is a model, the
                    beginning of models ('claude-*=https://…'), or a path ('/ollama=http://…': asked for
                    at /ollama/v1). Several may be given; of equal ones the later are asked when the first fails.
                    Keys: $ONWARD_UPSTREAM_KEY for the first, $ONWARD_UPSTREAM_KEY_2 for the second, …
  --upstream-head-after <ms>
                    begin a stream's answer after this long without the provider's status      [1000]
  --upstream-head-timeout <ms>, --upstream-first-timeout <ms>, --upstream-idle-timeout <ms>
                    longest wait for the provider's status, its first event, its next one      [600000]
  --upstream-upload-timeout <ms>
                    longest pause of a client within a body at /v1                             [60000]
  --upstream-max-request <bytes>, --upstream-max-answer <bytes>
                    largest request that is read, and longest stream                           [67108864]
  --upstream-retries <n>
                    how often a request is made again before the first byte of an answer       [0, or once for each other upstream]
  --upstream-abandon <ms>
                    stop a stream that has had no viewer for this long                         [never]
  --upstream-origin <origin>
                    pages of this origin may use /v1 (CORS); several may be given
`

export const GATEWAY_FLAGS = {
  upstream: { type: "string", multiple: true },
  "upstream-head-after": { type: "string" },
  "upstream-head-timeout": { type: "string" },
  "upstream-first-timeout": { type: "string" },
  "upstream-idle-timeout": { type: "string" },
  "upstream-upload-timeout": { type: "string" },
  "upstream-max-request": { type: "string" },
  "upstream-max-answer": { type: "string" },
  "upstream-retries": { type: "string" },
  "upstream-abandon": { type: "string" },
  "upstream-origin": { type: "string", multiple: true },
} as const

type Given = { readonly [Name in keyof typeof GATEWAY_FLAGS]?: string | string[] }

/** Flags that are a number, what they set, and the smallest and largest value. */
const NUMBERS: readonly [flag: keyof Given, limit: keyof GatewayLimits, least: number, most: number][] = [
  ["upstream-head-after", "headAfter", 0, 3_600_000],
  ["upstream-head-timeout", "headTimeout", 1, 86_400_000],
  ["upstream-first-timeout", "firstTimeout", 1, 86_400_000],
  ["upstream-idle-timeout", "idleTimeout", 1, 86_400_000],
  ["upstream-upload-timeout", "uploadTimeout", 1, 86_400_000],
  ["upstream-max-request", "requestBytes", 1_024, 268_435_456],
  ["upstream-max-answer", "answerBytes", 1_024, 268_435_456],
  ["upstream-retries", "retries", 0, 10],
  ["upstream-abandon", "abandonAfter", 0, 86_400_000],
]

/** Reads the gateway's part of a command line; undefined when there is no gateway. Throws {@link UsageError}. */
export function readGateway(
  given: Given,
  env: Readonly<Record<string, string | undefined>>,
): GatewaySettings | undefined {
  const limits: Partial<Record<keyof GatewayLimits, number>> = {}
  for (const [flag, limit, least, most] of NUMBERS) {
    const text = given[flag] as string | undefined
    if (text !== undefined) limits[limit] = toNumber(`--${flag}`, text, least, most)
  }
  const origins = ((given["upstream-origin"] ?? []) as string[]).map(toOrigin)
  const upstreams = ((given.upstream ?? []) as string[]).map((text, at) => {
    const number = at === 0 ? "" : `_${at + 1}`
    return toUpstream(filled("--upstream", text) ?? text, env[`ONWARD_UPSTREAM_KEY${number}`])
  })
  if (upstreams.length > 0) return { upstreams, limits, origins }
  const flag = Object.keys(given).find((name) => name.startsWith("upstream-"))
  if (flag !== undefined) throw new UsageError(`--${flag} needs an upstream: give --upstream too`)
  return undefined
}

function toUpstream(text: string, key = ""): UpstreamOptions {
  const [, of, address = text] = /^(?!https?:)([^=]*)=(.*)$/.exec(text) ?? []
  const url = URL.parse(address)
  if (!url || !/^https?:$/.test(url.protocol) || url.search !== "" || url.hash !== "") {
    throw new UsageError("--upstream must be a base URL, such as https://api.openai.com/v1")
  }
  if (url.username !== "" || url.password !== "") {
    throw new UsageError("--upstream must not hold a key: leave it to clients, or set ONWARD_UPSTREAM_KEY")
  }
  return { url: url.href, ...(key !== "" && { key }), ...toScope(of) }
}

function toScope(of: string | undefined): Pick<UpstreamOptions, "models" | "prefix"> {
  if (of === undefined) return {}
  const prefix = /^\/([a-z0-9-]+)$/.exec(of)?.[1]
  if (prefix !== undefined && prefix !== "v1") return { prefix }
  if (of.startsWith("/") || !/^[^*\s]*\*?$/.test(of) || of === "") {
    throw new UsageError(
      `--upstream "${of}=…" must begin with a model, the beginning of models and *, or a path such as /ollama`,
    )
  }
  return { models: of }
}

function toOrigin(text: string): string {
  const url = URL.parse(text)
  if (url && /^https?:$/.test(url.protocol) && url.origin === text) return text
  throw new UsageError(`--upstream-origin must be an origin, such as https://app.example, not "${text}"`)
}
