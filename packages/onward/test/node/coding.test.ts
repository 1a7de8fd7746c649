import assert from "node:assert/strict"
import { test } from "node:test"
import { acceptsGzip, negotiate } from "../../src/node/coding.ts"

test("a client receives gzip if it accepts it, and only then", () => {
  for (const accept of ["gzip", "gzip, deflate, br, zstd", "br;q=1, GZIP;q=0.2", "x-gzip", "*", "gzip, identity"]) {
    assert.equal(acceptsGzip(accept), true, accept)
  }
  for (const accept of [
    undefined,
    "",
    "br, zstd",
    "identity",
    "gzip;q=0",
    "gzip; q=0.000, *",
    "*;q=0",
    "identity;q=1, gzip;q=0.5",
    "gzip;q=no",
    "agzip",
  ]) {
    assert.equal(acceptsGzip(accept), false, String(accept))
  }
})

test("a stream with a negotiated coding has Vary: Accept-Encoding beside other values", () => {
  assert.deepEqual(negotiate({ vary: "Origin", a: "1" }, "gzip"), {
    headers: { a: "1", vary: "Origin, Accept-Encoding", "content-encoding": "gzip" },
    isGzip: true,
  })
  assert.deepEqual(negotiate({ Vary: "Cookie" }, "br"), {
    headers: { vary: "Cookie, Accept-Encoding" },
    isGzip: false,
  })
})
