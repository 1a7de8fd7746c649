import { createHash, timingSafeEqual } from "node:crypto"
import { UsageError } from "../usage-error.ts"
import { secretOf, type KeyOptions } from "./options.ts"
import { grantsOf } from "./grant-options.ts"
import type { Principal } from "./principal.ts"

/** The keys of backends. */
export interface Keys {
  /** The principal of a key, or undefined. */
  find(key: string): Principal | undefined
  /** The principal of the key with this hash, or undefined. */
  findHash(hash: Buffer): Principal | undefined
  /** Whether one of them is a key with admin. */
  readonly hasAdmin: boolean
}

export const hashKey = (key: string): Buffer => createHash("sha256").update(key).digest()

/** Reads the keys of backends. Throws {@link UsageError}. */
export function createKeys(options: readonly KeyOptions[]): Keys {
  const keys = options.map((key, i) => ({ hash: hashOf(key, `keys[${i}]`), principal: principalOf(key, `keys[${i}]`) }))

  function findHash(hash: Buffer): Principal | undefined {
    let found: Principal | undefined
    // compares with each key, so the time does not depend on which one matches
    for (const each of keys) if (timingSafeEqual(each.hash, hash)) found = each.principal
    return found
  }

  return {
    find: (key) => findHash(hashKey(key)),
    findHash,
    hasAdmin: keys.some(({ principal }) => principal.isAdmin),
  }
}

function hashOf({ key, sha256 }: KeyOptions, path: string): Buffer {
  if ((key === undefined) === (sha256 === undefined)) {
    throw new UsageError(`auth.${path} needs either sha256 or key: onward token create --publish-key prints both`)
  }
  if (key !== undefined) return hashKey(secretOf(`auth.${path}.key`, key).toString())
  if (!/^[\da-f]{64}$/i.test(sha256 ?? "")) {
    throw new UsageError(
      `auth.${path}.sha256 must have 64 hexadecimal digits: onward token create --publish-key prints it`,
    )
  }
  return Buffer.from(sha256 ?? "", "hex")
}

function principalOf({ name, admin = false, publish = ["*"], subscribe }: KeyOptions, path: string): Principal {
  if (typeof name !== "string" || name === "") throw new UsageError(`auth.${path}.name must be a text, for the log`)
  return {
    name: `key "${name}"`,
    method: "key",
    grants: grantsOf(path, { publish, ...(subscribe && { subscribe }) }),
    expiresAt: Infinity,
    issuedAt: 0,
    isAdmin: admin,
  }
}
