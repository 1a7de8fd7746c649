import type { JWTVerifyOptions } from "jose"
import { UsageError } from "../usage-error.ts"
import { fetchJwks } from "./fetch-jwks.ts"
import type { AuthObserver } from "./observer.ts"
import { createJwks, type Jwks } from "./jwks.ts"
import { numberOf, type IssuerOptions } from "./options.ts"
import { readVerificationKey, type VerificationKey } from "./verification-key.ts"

/** An issuer, whose settings were checked. */
export interface Issuer extends VerificationKey {
  readonly options: IssuerOptions
  readonly jwks: Jwks | undefined
  readonly verifyOptions: JWTVerifyOptions
  readonly tolerance: number
}

interface Reporting {
  readonly onError: (error: unknown) => void
  /** A monotonic time, in ms. @default performance.now */
  readonly monotonic?: (() => number) | undefined
  readonly observer?: AuthObserver | undefined
}

/**
 * Reads issuers, by the `iss` of their tokens.
 * @param name the setting that holds them, for errors
 * @throws UsageError
 */
export function readIssuers(
  given: readonly IssuerOptions[],
  name: string,
  reporting: Reporting,
): ReadonlyMap<string, Issuer> {
  const issuers = new Map<string, Issuer>()
  for (const [i, each] of given.entries()) {
    if (issuers.has(each.issuer)) throw new UsageError(`${name} has "${each.issuer}" twice`)
    issuers.set(each.issuer, readIssuer(each, `${name}[${i}]`, reporting))
  }
  return issuers
}

function readIssuer(options: IssuerOptions, path: string, { onError, observer, monotonic }: Reporting): Issuer {
  const { issuer, audience, jwks: address, allowPrivateJwks: allowPrivate = false } = options
  if (typeof issuer !== "string" || issuer === "") throw new UsageError(`${path}.issuer must be the iss of its tokens`)
  const audiences: string[] = typeof audience === "string" ? [audience] : [...(audience ?? [])]
  if (audiences.length === 0 || audiences.some((each) => typeof each !== "string" || each === "")) {
    throw new UsageError(`${path}.audience must be the aud of tokens for this hub, such as the URL of the hub`)
  }
  const key = readVerificationKey(options, path)
  const tolerance = numberOf(`${path}.clockTolerance`, options.clockTolerance, 5_000)
  const url = address === undefined ? undefined : urlOf(address, path, allowPrivate)
  return {
    ...key,
    options,
    tolerance,
    jwks:
      url &&
      createJwks({
        url: url.href,
        load: () => fetchJwks(url, { allowPrivate }),
        ...(observer && { onLoad: (isLoaded) => observer.onJwksFetched(isLoaded) }),
        onError,
        ...(monotonic && { monotonic }),
      }),
    verifyOptions: {
      issuer,
      audience: audiences,
      algorithms: key.algorithms,
      clockTolerance: tolerance / 1_000,
      requiredClaims: ["exp"],
    },
  }
}

function urlOf(address: string, path: string, allowPrivate: boolean): URL {
  const url = URL.parse(address)
  const isKnown = url?.protocol === "https:" || (allowPrivate && url?.protocol === "http:")
  if (url && isKnown && url.username === "" && url.password === "") return url
  throw new UsageError(`${path}.jwks must be an https URL without a password; http needs allowPrivateJwks`)
}
