import { isIP } from "node:net"
import { readNetworks } from "../networks.ts"

/** Networks that no public server has an address in (IANA special-purpose registries, RFC 6890 and later). */
const isSpecial = readNetworks([
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/3",
  // of IPv6 only global unicast is public, and of that neither documentation nor what wraps IPv4 addresses
  "::/3",
  "2001::/23",
  "2001:db8::/32",
  "2002::/16",
  "3fff::/20",
  "4000::/2",
  "8000::/1",
])

/** Whether an IP address is one that a public server cannot have. True for what is no address. */
export const isPrivate = (address: string): boolean => isIP(address) === 0 || isSpecial(address)
