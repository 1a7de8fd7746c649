import { Grants } from "./grants.ts"
import type { Action, AuthMethod, Principal } from "./principal.ts"

/** A principal as other hubs read it, from the control log or a ticket: its grants and never its credential. */
export interface PortablePrincipal {
  readonly name: string
  readonly issuer?: string | undefined
  readonly userId?: string | undefined
  readonly tokenId?: string | undefined
  readonly grants: Readonly<Record<Action, readonly string[]>>
  readonly expiresAt: number
  readonly issuedAt: number
  readonly method: AuthMethod
}

export const toPortable = ({
  name,
  issuer,
  userId,
  tokenId,
  grants,
  expiresAt,
  issuedAt,
  method,
}: Principal): PortablePrincipal => ({
  name,
  issuer,
  userId,
  tokenId,
  grants: { publish: [...grants.publish], subscribe: [...grants.subscribe] },
  expiresAt,
  issuedAt,
  method,
})

export const fromPortable = ({ issuer, userId, tokenId, grants, ...rest }: PortablePrincipal): Principal => ({
  ...rest,
  ...(issuer !== undefined && { issuer }),
  ...(userId !== undefined && { userId }),
  ...(tokenId !== undefined && { tokenId }),
  grants: { publish: new Grants(grants.publish), subscribe: new Grants(grants.subscribe) },
  isAdmin: false,
})
