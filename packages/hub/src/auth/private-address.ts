import { BlockList, isIP } from "node:net"

/** Networks that no public server has an address in (IANA special-purpose registries, RFC 6890 and later). */
const NETWORKS: readonly [network: string, prefix: number, family: "ipv4" | "ipv6"][] = [
  ["0.0.0.0", 8, "ipv4"],
  ["10.0.0.0", 8, "ipv4"],
  ["100.64.0.0", 10, "ipv4"],
  ["127.0.0.0", 8, "ipv4"],
  ["169.254.0.0", 16, "ipv4"],
  ["172.16.0.0", 12, "ipv4"],
  ["192.0.0.0", 24, "ipv4"],
  ["192.0.2.0", 24, "ipv4"],
  ["192.88.99.0", 24, "ipv4"],
  ["192.168.0.0", 16, "ipv4"],
  ["198.18.0.0", 15, "ipv4"],
  ["198.51.100.0", 24, "ipv4"],
  ["203.0.113.0", 24, "ipv4"],
  ["224.0.0.0", 3, "ipv4"],
  // of IPv6 only global unicast is public, and of that neither documentation nor what wraps IPv4 addresses
  ["::", 3, "ipv6"],
  ["2001::", 23, "ipv6"],
  ["2001:db8::", 32, "ipv6"],
  ["2002::", 16, "ipv6"],
  ["3fff::", 20, "ipv6"],
  ["4000::", 2, "ipv6"],
  ["8000::", 1, "ipv6"],
]

const blocked = new BlockList()
for (const [network, prefix, family] of NETWORKS) blocked.addSubnet(network, prefix, family)

/** Whether an IP address is one that a public server cannot have. True for what is no address. */
export function isPrivate(address: string): boolean {
  const version = isIP(address)
  return version === 0 || blocked.check(address, version === 4 ? "ipv4" : "ipv6")
}
