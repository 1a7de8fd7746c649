import assert from "node:assert/strict"
import { test } from "node:test"
import { promisify } from "node:util"
import { isPrivate } from "../src/auth/private-address.ts"
import { checkHost, lookUpPublic, PrivateAddress } from "../src/public-address.ts"

/** The first and the last address of each network without public servers. */
const NETWORKS = [
  ["0.0.0.0", "0.255.255.255"],
  ["10.0.0.0", "10.255.255.255"],
  ["100.64.0.0", "100.127.255.255"],
  ["127.0.0.0", "127.255.255.255"],
  ["169.254.0.0", "169.254.255.255"],
  ["172.16.0.0", "172.31.255.255"],
  ["192.0.0.0", "192.0.0.255"],
  ["192.0.2.0", "192.0.2.255"],
  ["192.88.99.0", "192.88.99.255"],
  ["192.168.0.0", "192.168.255.255"],
  ["198.18.0.0", "198.19.255.255"],
  ["198.51.100.0", "198.51.100.255"],
  ["203.0.113.0", "203.0.113.255"],
  ["224.0.0.0", "255.255.255.255"],
  ["::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
]

/** Addresses beside these networks. */
const PUBLIC = [
  ...["1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0"],
  ...["169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.0.3.0", "192.88.98.255"],
  ...["192.88.100.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "198.51.99.255"],
  ...["198.51.101.0", "203.0.112.255", "203.0.114.0", "223.255.255.255", "2000::", "2001:200::", "2001:db7:ffff::"],
  ...["2001:db9::", "2001:ffff::", "2003::", "3ffe:ffff::", "3fff:1000::"],
]

test("a whole private network is private, and its neighbours are not", () => {
  for (const address of NETWORKS.flat()) assert.ok(isPrivate(address), address)
  for (const address of PUBLIC) assert.ok(!isPrivate(address), address)
  for (const text of ["", "localhost", "1.1.1"]) assert.ok(isPrivate(text), text)
})

const rule = { advice: "do not" }

test("a URL with a private address is refused before a lookup, except for addresses that are allowed", () => {
  for (const host of ["127.0.0.1", "[::1]"]) {
    const url = new URL(`https://${host}/`)
    assert.throws(() => checkHost(url, rule), PrivateAddress)
    assert.throws(() => checkHost(url, { ...rule, isAllowed: () => false }), PrivateAddress)
    checkHost(url, { ...rule, isAllowed: (address) => address === host.replace(/[[\]]/g, "") })
  }
  for (const host of ["1.1.1.1", "[2606:4700::1111]", "example.com"]) checkHost(new URL(`https://${host}/`), rule)
})

test("a name that resolves to a private address is refused, for one address and for all of them", async () => {
  const lookUp = (given: typeof rule, options: object) =>
    new Promise((resolve, reject) =>
      lookUpPublic(given)("localhost", options, (error, ...found) => (error ? reject(error) : resolve(found))),
    )
  const allowed = { ...rule, isAllowed: () => true }
  for (const all of [true, false]) {
    await assert.rejects(lookUp(rule, { all, family: 4 }), {
      message: "localhost (127.0.0.1) is a private address: do not",
    })
  }
  assert.deepEqual(await lookUp(allowed, { all: true, family: 4 }), [[{ address: "127.0.0.1", family: 4 }]])
  assert.deepEqual(await lookUp(allowed, { all: false, family: 4 }), ["127.0.0.1", 4])
  const missing = promisify(lookUpPublic(allowed))
  await assert.rejects(missing("name.invalid", { all: true }), { syscall: "getaddrinfo" })
})
