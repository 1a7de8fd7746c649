import { decodeJwt } from "jose"
import type { AuthOptions, PermissionOptions } from "./options.ts"
import { fits } from "./permissions.ts"
import type { Action, Claims } from "./principal.ts"
import { shown } from "./refusal.ts"
import { readTemplate, valueAt } from "./template.ts"

/** Says where the grants of a verified token come from: its own claim, or which permissions fit its claims and which do not. */
export function explainGrants(token: string, { issuers = [], permissions = [] }: AuthOptions): string[] {
  const claims = decodeJwt(token) as Claims
  const { grantsClaim = "onward" } = issuers.find(({ issuer }) => issuer === claims["iss"]) ?? {}
  if (valueAt(claims, grantsClaim) !== undefined) {
    return [
      `The claim ${grantsClaim} of the token grants them${permissions.length > 0 ? ", so auth.permissions do not apply" : ""}.`,
    ]
  }
  if (permissions.length === 0) return [`The token has no claim ${grantsClaim}, and there are no auth.permissions.`]
  return permissions.flatMap((permission, i) => explainPermission(permission, claims, `auth.permissions[${i}]`))
}

function explainPermission(permission: PermissionOptions, claims: Claims, name: string): string[] {
  const missed = Object.entries(permission.when ?? {}).find((condition) => !fits(claims, condition))
  if (missed) {
    const [claim, wanted] = missed
    const value = valueAt(claims, claim)
    const actual = value === undefined ? "the token has no such claim" : `the token has ${shown(value)}`
    return [`${name} does not apply: it needs ${claim} = ${shown(wanted)}, and ${actual}.`]
  }
  const empty = (["publish", "subscribe"] as const).flatMap((action) => emptyTemplates(permission, action, claims))
  return [
    `${name} applies.`,
    ...empty.map((text) => `${name}: ${text} grants nothing, because a claim in it is missing or is not one segment.`),
  ]
}

const emptyTemplates = (permission: PermissionOptions, action: Action, claims: Claims): string[] =>
  (permission[action] ?? []).filter((text) => readTemplate(text).grantsFor(claims).length === 0)
