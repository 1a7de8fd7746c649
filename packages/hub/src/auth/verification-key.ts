import { createPublicKey, createSecretKey, type KeyObject } from "node:crypto"
import { UsageError } from "../usage-error.ts"
import { secretOf, type IssuerOptions } from "./options.ts"

/** Algorithms for signatures by asymmetric keys. HMAC is for secrets only: else a public key could pose as a secret. */
const ASYMMETRIC = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]
const CURVES: Readonly<Record<string, string>> = { prime256v1: "ES256", secp384r1: "ES384", secp521r1: "ES512" }
/** Shortest secret of each algorithm in bytes (RFC 7518 section 3.2). */
const HMAC: Readonly<Record<string, number>> = { HS256: 32, HS384: 48, HS512: 64 }

/** How the tokens of an issuer are verified. */
export interface VerificationKey {
  /** A key; undefined when they come from a key set. */
  readonly key: KeyObject | undefined
  readonly algorithms: string[]
}

/** Reads the key of an issuer and the algorithms that fit it. Throws {@link UsageError}. */
export function readVerificationKey(
  { secret, publicKey, jwks, algorithms }: IssuerOptions,
  path: string,
): VerificationKey {
  const given = [secret, publicKey, jwks].filter((each) => each !== undefined)
  if (given.length !== 1) throw new UsageError(`${path} needs exactly one of secret, publicKey and jwks`)
  const { key, fitting, standard } =
    secret !== undefined ? ofSecret(secret, path) : publicKey !== undefined ? ofPublicKey(publicKey, path) : OF_JWKS
  const wrong = algorithms?.find((name) => !fitting.includes(name))
  if (wrong !== undefined || algorithms?.length === 0) {
    throw new UsageError(
      `${path}.algorithms: "${wrong ?? ""}" does not fit the key, which allows ${fitting.join(", ")}`,
    )
  }
  return { key, algorithms: [...(algorithms ?? standard)] }
}

interface Fit {
  readonly key: KeyObject | undefined
  readonly fitting: readonly string[]
  readonly standard: readonly string[]
}

const OF_JWKS: Fit = { key: undefined, fitting: ASYMMETRIC, standard: ASYMMETRIC }

function ofSecret(secret: string, path: string): Fit {
  const bytes = secretOf(`${path}.secret`, secret)
  const fitting = Object.keys(HMAC).filter((name) => bytes.length >= (HMAC[name] as number))
  return { key: createSecretKey(bytes), fitting, standard: ["HS256"] }
}

function ofPublicKey(pem: string, path: string): Fit {
  // Node would take the public half of it, and the private one would be where it need not be
  if (pem.includes("PRIVATE KEY")) throw new UsageError(`${path}.publicKey is a private key: give its public key`)
  let key: KeyObject
  try {
    key = createPublicKey(pem)
  } catch {
    throw new UsageError(`${path}.publicKey is not a public key or certificate in PEM format`)
  }
  const fitting = algorithmsFor(key)
  if (fitting.length === 0) {
    throw new UsageError(
      `${path}.publicKey is of type ${key.asymmetricKeyType}: use RSA with 2048 bits or more, EC or Ed25519`,
    )
  }
  return { key, fitting, standard: fitting }
}

/** The algorithms that a public or private key can be used with; none for a key that is too short, or of another type. */
export function algorithmsFor({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string[] {
  const { namedCurve = "", modulusLength = 0 } = asymmetricKeyDetails ?? {}
  if (asymmetricKeyType === "ed25519") return ["EdDSA", "Ed25519"]
  if (asymmetricKeyType === "ec") return ASYMMETRIC.filter((name) => name === CURVES[namedCurve])
  if (modulusLength < 2_048) return []
  if (asymmetricKeyType === "rsa") return ASYMMETRIC.filter((name) => /^[RP]S/.test(name))
  return asymmetricKeyType === "rsa-pss" ? ASYMMETRIC.filter((name) => name.startsWith("PS")) : []
}
