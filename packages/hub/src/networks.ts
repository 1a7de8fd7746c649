import { BlockList, isIP } from "node:net"

/** Whether an address is in one of some networks. */
export type IsInside = (address: string) => boolean

/**
 * Reads addresses and networks: `192.0.2.1`, `10.0.0.0/8`, `2001:db8::/32`.
 * @throws TypeError for an entry that is neither an address nor a network
 */
export function readNetworks(entries: readonly string[]): IsInside {
  // a list also compares IPv4 addresses with IPv6 networks, and all of them are in `::/3`
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() }
  for (const entry of entries) {
    const [, text = "", prefix] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(entry) ?? []
    const address = unmapped(text)
    const version = isIP(address)
    const bits = version === 4 ? 32 : 128
    // an IPv4 network in IPv6 notation has 96 more bits
    const length = prefix === undefined ? bits : Number(prefix) - (address === text ? 0 : 96)
    if (version === 0 || text.includes("%") || length < 0 || length > bits) {
      throw new TypeError(`"${entry}" is not an IP address or network. Use one such as 10.0.0.0/8.`)
    }
    // IPv6 addresses can stand for IPv4 ones
    for (const list of version === 4 ? [lists.ipv4, lists.ipv6] : [lists.ipv6]) {
      list.addSubnet(address, length, familyOf(version))
    }
  }
  return (address) => {
    const family = familyOf(isIP(address))
    return isIP(address) !== 0 && lists[family].check(address, family)
  }
}

/** Checks the address of a proxy or a network. Throws an `Error` whose message says what to use. */
export function checkNetwork(entry: string): string {
  try {
    readNetworks([entry])
    return entry
  } catch {
    throw new Error("an IP address or a network, such as 10.0.0.0/8")
  }
}

const familyOf = (version: number): "ipv4" | "ipv6" => (version === 4 ? "ipv4" : "ipv6")

/** Returns the IPv4 address of one in IPv6 notation. */
export const unmapped = (address: string): string => address.replace(/^::ffff:(?=\d+(?:\.\d+){3}$)/i, "")
