import { createPrivateKey, createSecretKey, randomBytes, type KeyObject } from "node:crypto"
import { readFileSync } from "node:fs"
import { SignJWT } from "jose"
import { algorithmsFor, hashKey, type AuthOptions, type IssuerOptions } from "../auth/index.ts"
import { UsageError } from "../usage-error.ts"

interface TokenOptions {
  readonly config: string | undefined
  readonly user: string | undefined
  readonly publish: readonly string[]
  readonly subscribe: readonly string[]
  /** How long the token is valid, in seconds. */
  readonly ttl: number
  readonly issuer: string | undefined
  /** A file with a private key. */
  readonly keyFile: string | undefined
  readonly kid: string | undefined
}

export type CreateOptions = TokenOptions | { readonly config: string | undefined; readonly publishKey: string }

/** What is printed: `value` on standard output, and `advice` on standard error, so that a script can use the value. */
interface Created {
  readonly value: string
  readonly advice: string
}

/** `onward token create`. Throws {@link UsageError}. */
export async function createToken(options: CreateOptions, auth: AuthOptions = {}): Promise<Created> {
  if ("publishKey" in options) return createPublishKey(options.publishKey)
  const issuer = choose(auth.issuers ?? [], options.issuer)
  const { key, algorithm } = keyOf(issuer, options.keyFile)
  const { user, publish, subscribe, ttl, kid } = options
  const grants =
    publish.length + subscribe.length > 0 ? { [issuer.grantsClaim ?? "onward"]: { publish, subscribe } } : {}
  const value = await new SignJWT({
    iss: issuer.issuer,
    aud: typeof issuer.audience === "string" ? issuer.audience : [...issuer.audience],
    ...(user !== undefined && { [issuer.userIdClaim ?? "sub"]: user }),
    ...grants,
  })
    .setProtectedHeader({ alg: algorithm, typ: "JWT", ...(kid !== undefined && { kid }) })
    .setJti(randomBytes(12).toString("base64url"))
    .setIssuedAt()
    .setExpirationTime(`${ttl}s`)
    .sign(key)
  return { value, advice: `The token is valid for ${ttl} s. Send it as Authorization: Bearer <token>.` }
}

/** Keys begin with `ok_`, so that scanners for secrets recognize them. 256 random bits need no slow hash. */
function createPublishKey(name: string): Created {
  const key = `ok_${randomBytes(32).toString("base64url")}`
  const advice = [
    "Give this key to the publisher, which sends it as Authorization: Bearer <key>. For onward.yaml, which holds its hash only:",
    "",
    "auth:",
    "  keys:",
    `    - name: ${JSON.stringify(name)}`,
    `      sha256: ${hashKey(key).toString("hex")}`,
  ]
  return { value: key, advice: advice.join("\n") }
}

function choose(issuers: readonly IssuerOptions[], name: string | undefined): IssuerOptions {
  const names = issuers.map(({ issuer }) => `"${issuer}"`).join(", ")
  if (issuers.length === 0)
    throw new UsageError("The configuration has no auth.issuers. Add one, or use --publish-key.")
  const found = name === undefined ? issuers : issuers.filter(({ issuer }) => issuer === name)
  const [issuer, ...others] = found
  if (issuer && others.length === 0) return issuer
  throw new UsageError(
    name === undefined
      ? `There are several issuers. Choose one with --issuer: ${names}.`
      : `There is no issuer "${name}". Use one of ${names}.`,
  )
}

interface SigningKey {
  readonly key: KeyObject
  readonly algorithm: string
}

function keyOf({ issuer, secret, algorithms }: IssuerOptions, file: string | undefined): SigningKey {
  if (secret !== undefined) return { key: createSecretKey(Buffer.from(secret)), algorithm: algorithms?.[0] ?? "HS256" }
  if (file === undefined) {
    throw new UsageError(`The configuration has no secret of "${issuer}". Give its private key with --key <file>.`)
  }
  let key: KeyObject
  try {
    key = createPrivateKey(readFileSync(file))
  } catch {
    throw new UsageError(`--key ${file} cannot be read as a private key. Give a file in PEM format.`)
  }
  const algorithm = algorithmsFor(key).find((name) => algorithms?.includes(name) ?? true)
  if (algorithm === undefined) throw new UsageError(`--key ${file} does not fit the algorithms of "${issuer}".`)
  return { key, algorithm }
}
