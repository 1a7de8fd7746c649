import assert from "node:assert/strict"
import { createHmac, generateKeyPairSync, sign, type KeyObject } from "node:crypto"
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { test, type TestContext } from "node:test"
import { AuthRefusal, type AuthOptions } from "../../src/auth/index.ts"
import { testServer } from "../server.ts"
import { AUDIENCE, SECRET } from "./tokens.ts"

const rsa = generateKeyPairSync("rsa", { modulusLength: 2_048 })
const otherRsa = generateKeyPairSync("rsa", { modulusLength: 2_048 })
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" })
const ed = generateKeyPairSync("ed25519")
const inSet = generateKeyPairSync("ec", { namedCurve: "P-256" })

const pem = (key: KeyObject): string => key.export({ type: "spki", format: "pem" })

const encode = (value: unknown): string =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url")

type Sign = (input: string) => Buffer

const hmac =
  (key: string | Buffer, hash = "sha256"): Sign =>
  (input) =>
    createHmac(hash, key).update(input).digest()

const byRsa =
  (key: KeyObject): Sign =>
  (input) =>
    sign("sha256", Buffer.from(input), key)

const byEc =
  (key: KeyObject, dsaEncoding: "ieee-p1363" | "der" = "ieee-p1363"): Sign =>
  (input) =>
    sign("sha256", Buffer.from(input), { key, dsaEncoding })

const byEd =
  (key: KeyObject): Sign =>
  (input) =>
    sign(null, Buffer.from(input), key)

const zeros =
  (bytes: number): Sign =>
  () =>
    Buffer.alloc(bytes)

const nothing = zeros(0)

const NOW = Math.floor(Date.now() / 1_000)
const CLAIMS = { aud: AUDIENCE, sub: "ada", iat: NOW, exp: NOW + 300, onward: { subscribe: ["*"] } }

function token(header: unknown, claims: unknown, signature: Sign): string {
  const input = `${encode(header)}.${encode(claims)}`
  return `${input}.${signature(input).toString("base64url")}`
}

/** A key set on this machine. */
async function keySet(t: TestContext): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = []
  const jwk = { ...inSet.publicKey.export({ format: "jwk" }), kid: "one", alg: "ES256", use: "sig" }
  const server = createServer((req, res) => {
    asked.push(req.url ?? "")
    res.end(JSON.stringify({ keys: [jwk] }))
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  t.after(() => server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

test("forged tokens are refused, and valid ones are accepted", async (t) => {
  const keys = await keySet(t)
  const auth: AuthOptions = {
    issuers: [
      { issuer: "hs", audience: AUDIENCE, secret: SECRET },
      { issuer: "rs", audience: AUDIENCE, publicKey: pem(rsa.publicKey) },
      { issuer: "es", audience: AUDIENCE, publicKey: pem(ec.publicKey) },
      { issuer: "ed", audience: AUDIENCE, publicKey: pem(ed.publicKey) },
      { issuer: "set", audience: AUDIENCE, jwks: `${keys.url}/jwks`, allowPrivateJwks: true },
    ],
    tickets: { secret: SECRET },
  }
  const server = await testServer(t, { auth, log: "memory:" })
  const statusOf = async (jwt: string): Promise<number> => {
    const headers = { authorization: `Bearer ${jwt}` }
    const response = await fetch(`${server.url}/events?topic=a`, { method: "HEAD", headers })
    return response.status
  }

  const HS = { alg: "HS256", typ: "JWT" }
  const hs = (claims: unknown, header: unknown = HS): string => token(header, claims, hmac(SECRET))
  const of = (iss: string, changes: object = {}): object => ({ ...CLAIMS, iss, ...changes })
  const set = { alg: "ES256", kid: "one" }
  const attacker = byEc(ec.privateKey)
  const inSetJwk = inSet.publicKey.export({ format: "jwk" })

  const real = {
    HS256: hs(of("hs")),
    "HS256 with at+jwt": hs(of("hs"), { alg: "HS256", typ: "at+jwt" }),
    "a list of audiences": hs(of("hs", { aud: ["other", AUDIENCE] })),
    "a fraction of a second": hs(of("hs", { exp: NOW + 300.5 })),
    RS256: token({ alg: "RS256" }, of("rs"), byRsa(rsa.privateKey)),
    ES256: token({ alg: "ES256" }, of("es"), byEc(ec.privateKey)),
    EdDSA: token({ alg: "EdDSA" }, of("ed"), byEd(ed.privateKey)),
    "a key set": token(set, of("set"), byEc(inSet.privateKey)),
    "a key set without kid": token({ alg: "ES256" }, of("set"), byEc(inSet.privateKey)),
  }
  for (const [name, jwt] of Object.entries(real)) assert.equal(await statusOf(jwt), 200, name)

  const [head, payload, signature] = hs(of("hs")).split(".") as [string, string, string]
  const embedded = { jwk: ec.publicKey.export({ format: "jwk" }) }
  const forged: Record<string, string> = {
    "alg none": token({ alg: "none" }, of("hs"), nothing),
    "alg None": token({ alg: "None" }, of("hs"), nothing),
    "alg NONE": token({ alg: "NONE" }, of("rs"), nothing),
    "alg nOnE": token({ alg: "nOnE" }, of("es"), nothing),
    "alg none with a signature": token({ alg: "none" }, of("hs"), hmac(SECRET)),
    "alg none at a key set": token({ alg: "none", kid: "one" }, of("set"), nothing),
    "no alg": token({ typ: "JWT" }, of("hs"), hmac(SECRET)),
    "alg null": token({ alg: null }, of("hs"), hmac(SECRET)),
    "alg a list": token({ alg: ["HS256"] }, of("hs"), hmac(SECRET)),
    "alg with a space": token({ alg: "HS256 " }, of("hs"), hmac(SECRET)),
    "alg in lower case": token({ alg: "hs256" }, of("hs"), hmac(SECRET)),
    "HMAC by the public key": token(HS, of("rs"), hmac(pem(rsa.publicKey))),
    "HMAC by the public key without line end": token(HS, of("rs"), hmac(pem(rsa.publicKey).trim())),
    "HMAC by the public key in DER": token(HS, of("rs"), hmac(rsa.publicKey.export({ type: "spki", format: "der" }))),
    "HMAC by the public key as JWK": token(HS, of("rs"), hmac(JSON.stringify(rsa.publicKey.export({ format: "jwk" })))),
    "HMAC by the modulus": token(HS, of("rs"), hmac(String(rsa.publicKey.export({ format: "jwk" }).n))),
    "HMAC by an EC public key": token(HS, of("es"), hmac(pem(ec.publicKey))),
    "HMAC by an Ed25519 public key": token(HS, of("ed"), hmac(String(ed.publicKey.export({ format: "jwk" }).x))),
    "HMAC by a key of the set": token({ ...HS, kid: "one" }, of("set"), hmac(String(inSetJwk.x))),
    "HMAC by the set": token({ ...HS, kid: "one" }, of("set"), hmac(JSON.stringify(inSetJwk))),
    "another secret": token(HS, of("hs"), hmac("another secret of more than thirty-two bytes")),
    "an empty secret": token(HS, of("hs"), hmac("")),
    "a secret that begins alike": token(HS, of("hs"), hmac(SECRET.slice(0, -1))),
    "HS512, which is not allowed": token({ alg: "HS512" }, of("hs"), hmac(SECRET, "sha512")),
    "HS384, which is not allowed": token({ alg: "HS384" }, of("hs"), hmac(SECRET, "sha384")),
    "another RSA key": token({ alg: "RS256" }, of("rs"), byRsa(otherRsa.privateKey)),
    "an EC key for an RSA issuer": token({ alg: "ES256" }, of("rs"), attacker),
    "an Ed25519 key for an EC issuer": token({ alg: "EdDSA" }, of("es"), byEd(ed.privateKey)),
    "the key of another issuer": token(set, of("rs"), byEc(inSet.privateKey)),
    "the secret of another issuer": token(HS, of("set"), hmac(SECRET)),
    "the key of another issuer at a set": token(set, of("set"), attacker),
    "an RSA signature called ES256": token({ alg: "ES256" }, of("es"), byRsa(rsa.privateKey)),
    "RS256 zero signature": token({ alg: "RS256" }, of("rs"), zeros(256)),
    "ES256 zero signature": token({ alg: "ES256" }, of("es"), zeros(64)),
    "EdDSA zero signature": token({ alg: "EdDSA" }, of("ed"), zeros(64)),
    "ES256 signature in DER": token({ alg: "ES256" }, of("es"), byEc(ec.privateKey, "der")),
    "kid unknown": token({ alg: "ES256", kid: "two" }, of("set"), attacker),
    "kid a path": token({ alg: "ES256", kid: "../../../dev/null" }, of("set"), attacker),
    "kid SQL": token({ alg: "ES256", kid: "x' UNION SELECT 'key" }, of("set"), attacker),
    "kid a URL": token({ alg: "ES256", kid: `${keys.url}/kid` }, of("set"), attacker),
    "kid null": token({ alg: "ES256", kid: null }, of("set"), attacker),
    "kid an object": token({ alg: "ES256", kid: { one: 1 } }, of("set"), attacker),
    "kid __proto__": token({ alg: "ES256", kid: "__proto__" }, of("set"), attacker),
    "kid empty": token({ alg: "ES256", kid: "" }, of("set"), attacker),
    "jwk of the attacker": token({ ...set, ...embedded }, of("set"), attacker),
    "jwk of the attacker at a public key": token({ alg: "ES256", ...embedded }, of("rs"), attacker),
    "jku of the attacker": token({ ...set, jku: `${keys.url}/jku` }, of("set"), attacker),
    "x5u of the attacker": token({ ...set, x5u: `${keys.url}/x5u` }, of("set"), attacker),
    "x5c of the attacker": token({ ...set, x5c: [encode("certificate")] }, of("set"), attacker),
    "crit that is unknown": hs(of("hs"), { ...HS, crit: ["exp"], exp: 1 }),
    "crit that is empty": hs(of("hs"), { ...HS, crit: [] }),
    "b64 false": hs(of("hs"), { ...HS, b64: false, crit: ["b64"] }),
    expired: hs(of("hs", { exp: NOW - 60 })),
    "expired in 1970": hs(of("hs", { exp: 0 })),
    "no exp": hs(of("hs", { exp: undefined })),
    "exp a text": hs(of("hs", { exp: String(NOW + 300) })),
    "exp null": hs(of("hs", { exp: null })),
    "exp negative": hs(of("hs", { exp: -1 })),
    "exp in a thousand years": hs(of("hs", { exp: NOW + 31_536_000_000 })),
    "exp beyond numbers": hs(`{"iss":"hs","aud":"${AUDIENCE}","sub":"ada","exp":1e999}`),
    "nbf in the future": hs(of("hs", { nbf: NOW + 3_600 })),
    "nbf a text": hs(of("hs", { nbf: "soon" })),
    "iat in the future": hs(of("hs", { iat: NOW + 120 })),
    "iat a text": hs(of("hs", { iat: "now" })),
    "no aud": hs(of("hs", { aud: undefined })),
    "another aud": hs(of("hs", { aud: "https://other.example.com" })),
    "aud that begins alike": hs(of("hs", { aud: `${AUDIENCE}.evil.example` })),
    "aud in a list without it": hs(of("hs", { aud: ["a", "b"] })),
    "aud an empty list": hs(of("hs", { aud: [] })),
    "aud an object": hs(of("hs", { aud: { [AUDIENCE]: true } })),
    "no iss": hs(CLAIMS),
    "iss a list": hs({ ...CLAIMS, iss: ["hs"] }),
    "iss in upper case": hs(of("HS")),
    "iss __proto__": hs(of("__proto__")),
    "sub a number": hs(of("hs", { sub: 1 })),
    "sub empty": hs(of("hs", { sub: "" })),
    "sub huge": hs(of("hs", { sub: "x".repeat(1_000) })),
    "type of a proof of possession": hs(of("hs"), { alg: "HS256", typ: "dpop+jwt" }),
    "type of a logout token": hs(of("hs"), { alg: "HS256", typ: "logout+jwt" }),
    "type of a ticket": hs(of("hs"), { alg: "HS256", typ: "onward-ticket+jwt" }),
    "type a number": hs(of("hs"), { alg: "HS256", typ: 1 }),
    "grants a list": hs(of("hs", { onward: ["*"] })),
    "grants a text": hs(of("hs", { onward: "*" })),
    "grants with a text": hs(of("hs", { onward: { subscribe: "*" } })),
    "grants with numbers": hs(of("hs", { onward: { subscribe: [1] } })),
    "too many grants": hs(of("hs", { onward: { subscribe: Array.from({ length: 1_001 }, (_, i) => `t${i}`) } })),
    "too many patterns": hs(of("hs", { onward: { subscribe: Array.from({ length: 101 }, (_, i) => `t${i}/*`) } })),
    huge: hs(of("hs", { padding: "x".repeat(20_000) })),
    "another token inside": hs(hs(of("hs"))),
    "a list of claims": hs([of("hs")]),
    "claims that are no JSON": hs("{"),
    "claims null": hs("null"),
    "an encrypted token": `${token({ alg: "dir", enc: "A256GCM" }, of("hs"), nothing)}.${encode("tag")}.${encode("x")}`,
    "two parts": `${head}.${payload}`,
    "four parts": `${head}.${payload}.${signature}.${signature}`,
    "only dots": "..",
    "other claims under a signature": `${head}.${encode(of("hs", { sub: "bob" }))}.${signature}`,
    "another header under a signature": `${encode({ alg: "HS256" })}.${payload}.${signature}`,
    "a signature that is cut": `${head}.${payload}.${signature.slice(0, -4)}`,
    "no signature": `${head}.${payload}.`,
    "a signature with something after it": `${head}.${payload}.${signature}AAAA`,
    "claims in base64 with padding": `${head}.${payload}=.${signature}`,
  }
  assert.ok(Object.keys(forged).length >= 60)
  keys.asked.length = 0
  for (const [name, jwt] of Object.entries(forged)) assert.equal(await statusOf(jwt), 401, name)
  assert.ok(
    keys.asked.every((path) => path === "/jwks"),
    `the hub asked for ${keys.asked.join(", ")}`,
  )
  const reasons = server.errors.filter((error) => error instanceof AuthRefusal).map(({ reason }) => reason)
  for (const reason of reasons) assert.doesNotMatch(reason, /\p{Cc}/u)
})

test("options that would verify nothing, or with the wrong key, are refused at the start", async (t) => {
  const issuer = { issuer: "a", audience: "b" }
  const wrong: [options: AuthOptions, message: RegExp][] = [
    [{ issuers: [issuer] }, /exactly one of secret, publicKey and jwks/],
    [{ issuers: [{ ...issuer, secret: "short" }] }, /must have at least 32 bytes, not 5/],
    [{ issuers: [{ ...issuer, secret: SECRET, algorithms: ["none"] }] }, /"none" does not fit the key/],
    [{ issuers: [{ ...issuer, secret: SECRET, algorithms: [] }] }, /does not fit the key/],
    [
      { issuers: [{ ...issuer, publicKey: pem(rsa.publicKey), algorithms: ["HS256"] }] },
      /"HS256" does not fit the key/,
    ],
    [{ issuers: [{ ...issuer, publicKey: "key" }] }, /not a public key or certificate/],
    [
      { issuers: [{ ...issuer, publicKey: rsa.privateKey.export({ type: "pkcs8", format: "pem" }) }] },
      /is a private key/,
    ],
    [
      { issuers: [{ ...issuer, publicKey: pem(generateKeyPairSync("rsa", { modulusLength: 1_024 }).publicKey) }] },
      /use RSA with 2048 bits or more/,
    ],
    [{ issuers: [{ ...issuer, jwks: "http://id.example.com/jwks" }] }, /must be an https URL/],
    [{ issuers: [{ ...issuer, jwks: "https://user:password@id.example.com/" }] }, /without a password/],
    [{ issuers: [{ issuer: "a", secret: SECRET } as never] }, /audience must be/],
    [
      {
        issuers: [
          { ...issuer, secret: SECRET },
          { ...issuer, secret: SECRET },
        ],
      },
      /"a" twice/,
    ],
    [{ issuer: [] } as never, /no option "issuer": did you mean issuers/],
    [{ keys: [{ name: "a", sha: "b" } as never] }, /auth\.keys\[0\] has no option "sha"/],
    [{ keys: [{ name: "a", key: "short" }] }, /must have at least 32 bytes/],
    [{ keys: [{ name: "a", sha256: "zz" }] }, /64 hexadecimal digits/],
    [{ permissions: [{ subscribe: ["a/{}"] }] }, /auth\.permissions\[0\]\.subscribe/],
    [{ anonymous: { subscribe: ["a(b)*"] } }, /auth\.anonymous\.subscribe: a pattern knows/],
    [{ tickets: { secret: "short" } }, /auth\.tickets\.secret/],
    [{ forward: { url: "ftp://a" } }, /auth\.forward\.url/],
  ]
  for (const [auth, message] of wrong) {
    await assert.rejects(testServer(t, { auth, log: "memory:" }), (error: Error) => {
      assert.equal(error.name, "UsageError")
      assert.match(error.message, message)
      return true
    })
  }
})
