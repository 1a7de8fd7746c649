import { lookup } from "node:dns"
import { isIP, type LookupFunction } from "node:net"
import { isPrivate } from "./auth/private-address.ts"

/** Which addresses a request of the hub may connect to. */
export interface AddressRule {
  /** Private addresses that are allowed all the same. @default none */
  readonly isAllowed?: (address: string) => boolean
  /** What to do about a refused address, for the error. */
  readonly advice: string
}

/** An address is refused because it is private. */
export class PrivateAddress extends Error {}

const refused = (address: string, { advice }: AddressRule): Error =>
  new PrivateAddress(`${address} is a private address: ${advice}`)

const isRefused = (address: string, { isAllowed }: AddressRule): boolean =>
  isPrivate(address) && isAllowed?.(address) !== true

/** Throws for a URL whose host is a refused address: no lookup is made for one. */
export function checkHost({ hostname }: URL, rule: AddressRule): void {
  const host = hostname.replace(/^\[(.*)\]$/, "$1")
  if (isIP(host) !== 0 && isRefused(host, rule)) throw refused(host, rule)
}

/**
 * A lookup for requests that fails for refused addresses. What is checked is the address that the connection goes to, so a name that resolves
 * to another address the second time gains nothing.
 */
export function lookUpPublic(rule: AddressRule): LookupFunction {
  return (host, options, callback) => {
    lookup(host, { ...options, all: true }, (error, addresses) => {
      const found = addresses?.find(({ address }) => isRefused(address, rule))
      if (error) callback(error, "", 0)
      else if (found) callback(refused(`${host} (${found.address})`, rule), "", 0)
      else if (options.all) callback(null, addresses)
      else callback(null, addresses[0]?.address ?? "", addresses[0]?.family)
    })
  }
}
