import type { IncomingMessage } from "node:http"
import type { MercureSettings } from "./setting.ts"

/** Where a hub is for the client of a request. */
export interface Place {
  /** The URL of the hub, against which relative topics and patterns are resolved. */
  readonly base: string
  /** The URL of the hub by the host of the request. */
  readonly url: string
  /** The resource identifier that belongs to the host of the request; undefined for a host that the hub does not serve. */
  readonly resource: string | undefined
  /** The URL of the metadata of this protected resource (RFC 9728 section 3.1). */
  readonly metadata: string
  /** The hub's own origins. */
  readonly origins: readonly string[]
}

interface PlaceOptions {
  readonly settings: Pick<MercureSettings, "path" | "resource">
  readonly publicUrls: readonly string[]
  readonly isTls: boolean
}

/** The path of the metadata of the protected resource at a path. */
export const metadataPathOf = (path: string): string => `/.well-known/oauth-protected-resource${path}`

/** The values of `aud` for this hub; none if only requests tell where it is. */
export const resourcesOf = ({ path, resource }: PlaceOptions["settings"], publicUrls: readonly string[]): string[] =>
  resource === undefined ? publicUrls.map((origin) => origin + path) : [resource]

/** Returns where the hub is for a request: as configured, else by the request's host. */
export function createPlaces({
  settings,
  publicUrls,
  isTls,
}: PlaceOptions): (req: Pick<IncomingMessage, "headers">) => Place {
  const { path } = settings
  const [configured] = resourcesOf(settings, publicUrls)
  return ({ headers }) => {
    const host = headers.host ?? (headers as Readonly<Record<string, string | undefined>>)[":authority"]
    const asked = URL.parse(`${isTls ? "https" : "http"}://${host ?? "localhost"}`)?.origin ?? "http://localhost"
    // a proxy can end TLS, so only names are compared
    const listed = publicUrls.find((url) => new URL(url).host === new URL(asked).host)
    const origin = listed ?? publicUrls[0] ?? asked
    const isServed = publicUrls.length === 0 || listed !== undefined
    return {
      base: configured ?? origin + path,
      url: origin + path,
      resource: settings.resource ?? (isServed ? origin + path : undefined),
      metadata: origin + metadataPathOf(path),
      origins: [...publicUrls, asked],
    }
  }
}
