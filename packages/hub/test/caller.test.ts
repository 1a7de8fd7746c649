import assert from "node:assert/strict"
import { test } from "node:test"
import { callerAt } from "../src/caller.ts"

const SAME: readonly (readonly string[])[] = [
  ["192.0.2.1", "::ffff:192.0.2.1", "::FFFF:192.0.2.1"],
  ["2001:db8::1", "2001:db8::2", "2001:db8:0:0:ffff:ffff:ffff:ffff", "2001:DB8:0:0::"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"],
  ["fe80::1%eth0", "fe80::2%eth1"],
  ["::1"],
  [""],
]

test("an IPv6 client is counted by its /64 network, and an IPv4 client by its address in any notation", () => {
  for (const addresses of SAME) assert.equal(new Set(addresses.map(callerAt)).size, 1, addresses.join(" "))
  const callers = [...SAME.map(([address = ""]) => address), "192.0.2.2", "2001:db8:1:3::", "2001:db8:0:1::1"]
  assert.equal(new Set(callers.map(callerAt)).size, callers.length)
})
