import { UsageError } from "../usage-error.ts"
import { readItems } from "./grant-options.ts"
import { Grants, toGrant } from "./grants.ts"
import type { PermissionOptions } from "./options.ts"
import type { Action, Claims, Principal } from "./principal.ts"
import { readTemplate, valueAt, type Template } from "./template.ts"

/**
 * The grants of a token: those that it names itself, or if it names none, those of the permissions that fit its claims.
 * Throws a RangeError for grants that cannot be read.
 */
export type GrantsOfClaims = (claims: Claims, grantsClaim: string) => Principal["grants"]

interface Permission {
  readonly when: readonly [claim: string, value: unknown][]
  readonly templates: Readonly<Record<Action, readonly Template[]>>
}

/** Reads permissions. Throws {@link UsageError}. */
export function createPermissions(options: readonly PermissionOptions[]): GrantsOfClaims {
  const permissions = options.map((permission, i) => readPermission(permission, `permissions[${i}]`))
  return (claims, grantsClaim) => {
    const own = valueAt(claims, grantsClaim)
    if (own !== undefined) return ownGrants(own, grantsClaim)
    const fitting = permissions.filter(({ when }) => when.every((condition) => fits(claims, condition)))
    const fill = (action: Action): Grants =>
      new Grants(
        fitting.flatMap(({ templates }) => templates[action].flatMap((template) => template.grantsFor(claims))),
      )
    return { publish: fill("publish"), subscribe: fill("subscribe") }
  }
}

/** Whether a claim has the value of a condition, or is a list that holds it. */
export function fits(claims: Claims, [name, value]: readonly [claim: string, value: unknown]): boolean {
  const claim = valueAt(claims, name)
  return Array.isArray(claim) ? claim.includes(value) : claim === value
}

function ownGrants(own: unknown, name: string): Principal["grants"] {
  if (typeof own !== "object" || own === null || Array.isArray(own)) {
    throw new RangeError(`the claim ${name} must be an object with lists \`publish\` and \`subscribe\``)
  }
  const listOf = (action: Action): Grants => {
    const list: unknown = (own as Record<string, unknown>)[action] ?? []
    if (!Array.isArray(list)) throw new RangeError(`${name}.${action} must be a list of topics and patterns`)
    return new Grants(list.map((item: string) => toGrant(item)))
  }
  return { publish: listOf("publish"), subscribe: listOf("subscribe") }
}

function readPermission({ when = {}, publish = [], subscribe = [] }: PermissionOptions, path: string): Permission {
  if (typeof when !== "object" || when === null) throw new UsageError(`auth.${path}.when must be an object of claims`)
  const read = (action: Action, list: readonly string[]): readonly Template[] =>
    readItems(`${path}.${action}`, list, (items) => items.map(readTemplate))
  return {
    when: Object.entries(when),
    templates: { publish: read("publish", publish), subscribe: read("subscribe", subscribe) },
  }
}
