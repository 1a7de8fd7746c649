import assert from "node:assert/strict"
import type { IncomingMessage } from "node:http"
import { test } from "node:test"
import { clientAddress } from "../src/forwarded.ts"
import { readNetworks } from "../src/networks.ts"

const TRUSTED = ["10.0.0.0/8", "192.0.2.1", "2001:db8:ffff::/48", "::1"]

interface Sent {
  readonly from?: string
  readonly xff?: string
  readonly forwarded?: string
}

const ATTACKER = "203.0.113.66"
const CLIENT = "203.0.113.7"

const requests: [what: string, sent: Sent, client: string][] = [
  ["no proxy", { from: CLIENT, xff: ATTACKER, forwarded: `for=${ATTACKER}` }, CLIENT],
  ["a proxy that tells nothing", {}, "10.0.0.1"],
  ["one proxy", { xff: CLIENT }, CLIENT],
  ["a proxy that is told by its IPv6 address", { from: "2001:db8:ffff::9", xff: CLIENT }, CLIENT],
  ["a proxy on an IPv6 socket", { from: "::ffff:10.9.9.9", xff: CLIENT }, CLIENT],
  ["a proxy beside the network that is trusted", { from: "11.0.0.1", xff: CLIENT }, "11.0.0.1"],
  ["two proxies", { xff: `${CLIENT}, 10.0.0.2` }, CLIENT],
  ["a client that makes up an address", { xff: `${ATTACKER}, ${CLIENT}` }, CLIENT],
  ["a client that makes up a trusted address", { xff: `${ATTACKER}, 10.0.0.3, ${CLIENT}, 10.0.0.2` }, CLIENT],
  ["only trusted addresses", { xff: "10.0.0.3, 10.0.0.2" }, "10.0.0.3"],
  ["a client that sends commas", { xff: `, ,${ATTACKER},, ${CLIENT} ,` }, CLIENT],
  ["ports", { xff: `${CLIENT}:4711` }, CLIENT],
  ["IPv6 with a port", { xff: "[2001:db8::7]:4711" }, "2001:db8::7"],
  ["IPv6", { xff: "2001:db8::7" }, "2001:db8::7"],
  ["IPv4 as IPv6", { xff: `::ffff:${CLIENT}` }, CLIENT],
  ["a hop that is unknown", { xff: `${ATTACKER}, unknown, 10.0.0.2` }, "10.0.0.2"],
  ["what is no address", { xff: "localhost" }, "10.0.0.1"],
  ["Forwarded", { forwarded: `for=${CLIENT};proto=https;host=a.example` }, CLIENT],
  ["Forwarded with quotes", { forwarded: `For="${CLIENT}:4711" ; by="_a"` }, CLIENT],
  ["Forwarded with IPv6", { forwarded: 'for="[2001:db8::7]:4711"' }, "2001:db8::7"],
  ["Forwarded by two", { forwarded: `for=${ATTACKER}, for=${CLIENT},for=10.0.0.2` }, CLIENT],
  ["an element without for", { forwarded: `for=${ATTACKER}, proto=https` }, "10.0.0.1"],
  ["a hidden client", { forwarded: "for=_hidden" }, "10.0.0.1"],
  ["a client that leaves a quotation mark open", { forwarded: `for=${ATTACKER};a=", for=${CLIENT}` }, "10.0.0.1"],
  ["the same before IPv6", { forwarded: `for=${ATTACKER};a=", for="[2001:db8::7]"` }, "10.0.0.1"],
  ["a client that ends with a semicolon", { forwarded: `for=${ATTACKER};, for=${CLIENT}` }, "10.0.0.1"],
  ["a client that ends with a comma", { forwarded: `for=${ATTACKER},` }, "10.0.0.1"],
  ["both, which agree", { xff: "2001:db8::7", forwarded: 'for="[2001:DB8:0::7]"' }, "2001:db8::7"],
  ["both, one of them by the client", { xff: CLIENT, forwarded: `for=${ATTACKER}` }, "10.0.0.1"],
]

test("behind trusted proxies a client is counted by an address that it cannot forge", () => {
  const isTrusted = readNetworks(TRUSTED)
  for (const [what, { from = "10.0.0.1", xff, forwarded }, client] of requests) {
    const headers = {
      ...(xff !== undefined && { "x-forwarded-for": xff }),
      ...(forwarded !== undefined && { forwarded }),
    }
    const req = { socket: { remoteAddress: from }, headers } as unknown as IncomingMessage
    assert.equal(clientAddress(req, isTrusted), client, what)
  }
})

test("a network contains its addresses, in both notations, and no others", () => {
  const isTrusted = readNetworks(["192.0.2.128/25", "::ffff:198.51.100.0/120", "2001:db8::/64", "203.0.113.0/32"])
  for (const address of ["192.0.2.128", "192.0.2.255", "198.51.100.9", "2001:db8::9", "203.0.113.0"]) {
    assert.ok(isTrusted(address), address)
  }
  for (const address of ["192.0.2.127", "198.51.101.9", "2001:db8:0:1::", "203.0.113.1", "", "unknown"]) {
    assert.ok(!isTrusted(address), address)
  }
  assert.ok(!readNetworks(["::/0"])("192.0.2.1"), "IPv4 addresses are not in an IPv6 network")
  assert.ok(readNetworks(["192.0.2.0/24"])("::ffff:192.0.2.1"), "unless they are written as IPv6")
})

test("text that is neither an address nor a network is refused", () => {
  for (const entry of [
    "",
    "proxy.example",
    "10.0.0.0/33",
    "10.0.0",
    "::/129",
    "10.0.0.0/",
    "::ffff:1.2.3.4/95",
    "fe80::1%eth0",
  ]) {
    assert.throws(() => readNetworks([entry]), TypeError, entry)
  }
})
