import assert from "node:assert/strict"
import { test } from "node:test"
import { coders, codingFor, negotiate } from "../../src/node/coding.ts"

const BOTH = ["gzip", "zstd"]

test("a client receives gzip if it accepts it, and only then", () => {
  for (const accept of ["gzip", "gzip, deflate, br, zstd", "br;q=1, GZIP;q=0.2", "x-gzip", "*", "gzip, identity"]) {
    assert.equal(codingFor(accept, "gzip", BOTH), "gzip", accept)
  }
  for (const accept of [
    undefined,
    "",
    "br",
    "identity",
    "gzip;q=0",
    "gzip; q=0.000, *;q=0",
    "*;q=0",
    "identity;q=1, gzip;q=0.5",
    "gzip;q=no",
    "agzip",
  ]) {
    assert.equal(codingFor(accept, "gzip", BOTH), undefined, String(accept))
  }
})

test("a client that prefers a coding receives it; the option decides for the others", () => {
  for (const [accept, preferGzip, preferZstd] of [
    ["gzip, deflate, br, zstd", "gzip", "zstd"],
    ["*", "gzip", "zstd"],
    ["zstd", "zstd", "zstd"],
    ["gzip", "gzip", "gzip"],
    ["zstd, gzip;q=0.9", "zstd", "zstd"],
    ["zstd;q=0.5, gzip;q=0.9", "gzip", "gzip"],
    ["gzip;q=no, zstd;q=0.1", "zstd", "zstd"],
    ["gzip;q=0, *", "zstd", "zstd"],
    ["zstd;q=0, gzip;q=0", undefined, undefined],
    ["identity, zstd;q=0.9, gzip;q=0.8", undefined, undefined],
  ] as const) {
    assert.equal(codingFor(accept, "gzip", BOTH), preferGzip, accept)
    assert.equal(codingFor(accept, "zstd", BOTH), preferZstd, accept)
  }
})

test("a Node without zstd sends gzip", () => {
  assert.equal(codingFor("gzip, deflate, br, zstd", "zstd", ["gzip"]), "gzip")
  assert.equal(codingFor("zstd, gzip;q=0.1", "zstd", ["gzip"]), "gzip")
  assert.equal(codingFor("zstd", "zstd", ["gzip"]), undefined)
})

test("a stream with a negotiated coding has Vary: Accept-Encoding beside other values", () => {
  assert.deepEqual(negotiate({ vary: "Origin", a: "1" }, "gzip", "gzip"), {
    headers: { a: "1", vary: "Origin, Accept-Encoding", "content-encoding": "gzip" },
    coding: "gzip",
  })
  assert.deepEqual(negotiate({ Vary: "Cookie" }, "br", "gzip"), {
    headers: { vary: "Cookie, Accept-Encoding" },
    coding: undefined,
  })
})

test("zstd is offered from Node 22.19 and 24.6 on, which have dictionaries for it", () => {
  const [major, minor] = process.versions.node.split(".").map(Number) as [number, number]
  const least = new Map([
    [22, 19],
    [24, 6],
  ])
  assert.deepEqual(
    Object.keys(coders),
    minor >= (least.get(major) ?? (major > 24 ? 0 : Infinity)) ? ["gzip", "zstd"] : ["gzip"],
  )
})
