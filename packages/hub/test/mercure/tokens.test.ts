import assert from "node:assert/strict"
import { generateKeyPairSync } from "node:crypto"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { test } from "node:test"
import { exportJWK, SignJWT } from "jose"
import { AuthRefusal } from "../../src/auth/index.ts"
import { UsageError } from "../../src/usage-error.ts"
import {
  ask,
  asking,
  bearer,
  DETAIL,
  DIALECTS,
  ISSUER,
  KEY,
  mercureHub,
  RESOURCE,
  send,
  tokenOf,
  type Answer,
  type Dialect,
  type MercureHub,
} from "./mercure-hub.ts"

const now = (): number => Math.floor(Date.now() / 1_000)

test("tokens of a Mercure hub", async (t) => {
  const hub = await mercureHub(t)
  const subscribe = (dialect: Dialect, headers: Record<string, string>, more = ""): Promise<Answer> =>
    ask(`${hub.hub}?${asking(dialect, "a")}${more}`, { headers })
  /** The reason in the log of the last refusal. */
  const reason = (): string => {
    const refusal = hub.errors.findLast((error): error is AuthRefusal => error instanceof AuthRefusal)
    return refusal?.reason ?? ""
  }
  const bad = "not.a.token"
  const good = { 0: await tokenOf(0, { subscribe: ["a"] }), 1: await tokenOf(1, { subscribe: ["a"] }) }
  const COOKIE = { 0: "mercureAuthorization", 1: "__Secure-mercure_access_token" }

  await t.test("28: the header counts before the query and the cookie, and 1.0 never reads the query", async () => {
    const cookie = (dialect: Dialect, token: string): Record<string, string> => ({
      cookie: `x=y; ${COOKIE[dialect]}=${token}`,
    })
    for (const dialect of DIALECTS) {
      assert.equal((await subscribe(dialect, bearer(good[dialect]))).status, 200)
      assert.equal((await subscribe(dialect, bearer(bad))).status, 401)
      assert.equal((await subscribe(dialect, cookie(dialect, good[dialect]))).status, 200)
      assert.equal((await subscribe(dialect, cookie(dialect, bad))).status, 401)
      assert.equal((await subscribe(dialect, { ...bearer(good[dialect]), ...cookie(dialect, bad) })).status, 200)
      assert.equal((await subscribe(dialect, { ...bearer(bad), ...cookie(dialect, good[dialect]) })).status, 401)
      // the cookie of the other dialect is not read
      assert.equal((await subscribe(dialect, cookie(dialect === 0 ? 1 : 0, bad))).status, 200)
    }
    assert.equal((await subscribe(0, {}, `&authorization=${good[0]}`)).status, 200)
    assert.equal((await subscribe(0, {}, `&authorization=${bad}`)).status, 401)
    assert.equal((await subscribe(0, cookie(0, bad), `&authorization=${good[0]}`)).status, 200)
    assert.equal((await subscribe(0, bearer(bad), `&authorization=${good[0]}`)).status, 401)
    assert.equal((await subscribe(1, {}, `&authorization=${bad}`)).status, 200)
  })

  await t.test("29: a header that cannot be read never falls back: 401 in 0.x, 400 in 1.0", async () => {
    for (const authorization of ["Basic YTpi", "Bearer", "Bearer a b", "", good[0]]) {
      assert.equal((await subscribe(0, { authorization })).status, 401, authorization)
      const { status, headers } = await subscribe(1, { authorization })
      assert.equal(status, 400, authorization)
      assert.match(headers.get("www-authenticate") ?? "", /error="invalid_request"/)
    }
    assert.equal((await subscribe(0, { authorization: `bearer ${good[0]}` })).status, 200)
  })

  await t.test("30: only a token of type at+jwt is checked by the issuers, and no other one is", async () => {
    const types: [typ: string | undefined, dialect: Dialect][] = [
      [undefined, 0],
      ["JWT", 0],
      ["id_token+jwt", 0],
      ["at+jwt", 1],
      ["AT+JWT", 1],
      ["application/at+jwt", 1],
    ]
    const onlyOld = await mercureHub(t, { issuers: undefined })
    const onlyNew = await mercureHub(t, { publisher: undefined, subscriber: undefined })
    for (const [typ, dialect] of types) {
      const header = typ === undefined ? {} : { typ }
      // grants of both dialects, so that the type alone decides
      const both = { mercure: { publish: ["*"] } }
      const token = await tokenOf(1, {
        publish: ["*"],
        claims: both,
        header: { ...header, ...(typ === undefined && { typ: undefined }) },
      })
      assert.equal((await send(onlyOld, 0, [["topic", "a"]], { token })).status, dialect === 0 ? 200 : 401, String(typ))
      assert.equal((await send(onlyNew, 1, [["topic", "a"]], { token })).status, dialect === 1 ? 200 : 401, String(typ))
    }
  })

  await t.test("31: forged tokens are refused", async () => {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 })
    const pem = publicKey.export({ type: "spki", format: "pem" })
    const rsa = await mercureHub(t, {
      publisher: { key: pem, algorithm: "RS256" },
      issuers: [{ issuer: ISSUER, publicKey: pem, algorithms: ["RS256"] }],
    })
    const claims = {
      0: { mercure: { publish: ["*"] } },
      1: {
        iss: ISSUER,
        aud: RESOURCE,
        exp: now() + 300,
        authorization_details: [{ type: DETAIL, actions: ["publish"], topics: [{ match: "*" }] }],
      },
    }
    const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url")
    for (const dialect of DIALECTS) {
      const typ = dialect === 1 ? { typ: "at+jwt" } : {}
      const body = encode(claims[dialect])
      const signed = (header: object, key: string, alg = "HS256"): Promise<string> =>
        new SignJWT(claims[dialect]).setProtectedHeader({ ...header, ...typ, alg }).sign(Buffer.from(key))
      const own = await new SignJWT(claims[dialect]).setProtectedHeader({ alg: "RS256", ...typ }).sign(privateKey)
      assert.equal((await send(rsa, dialect, [["topic", "a"]], { token: own })).status, 200)
      const [head, , signature] = own.split(".")
      const forged = [
        `${encode({ alg: "none", ...typ })}.${body}.`,
        `${encode({ alg: "None", ...typ })}.${body}.`,
        `${encode({ alg: "", ...typ })}.${body}.x`,
        // the public key as a secret
        await signed({}, pem),
        await signed({}, pem.trim()),
        await signed({ kid: "../../../../dev/null" }, "\0".repeat(32)),
        await signed({ kid: "' OR 1=1" }, "x".repeat(32)),
        await signed({ jku: "http://127.0.0.1:1/jwks" }, "x".repeat(32)),
        await signed({ jwk: { kty: "oct", k: Buffer.from("x".repeat(32)).toString("base64url") } }, "x".repeat(32)),
        await signed({ x5u: "http://127.0.0.1:1/x" }, "x".repeat(32)),
        // another body below the signature
        `${head}.${encode({ ...claims[dialect], sub: "root" })}.${signature}`,
        `${head}.${body}.${signature?.slice(0, -4)}`,
        `${head}.${body}.`,
        `${head}.${body}`,
        `${head}..${signature}`,
        `${own}.x`,
        "..",
        "a.b.c",
        "x".repeat(9_000),
      ]
      for (const token of forged) {
        assert.equal((await send(rsa, dialect, [["topic", "a"]], { token })).status, 401, token.slice(0, 200))
      }
    }
    // with a secret: another secret, another algorithm, and a duplicate claim in the signed text counts as JSON.parse reads it
    for (const dialect of DIALECTS) {
      for (const token of [
        await tokenOf(dialect, { publish: ["*"], key: `${KEY}x` }),
        await tokenOf(dialect, { publish: ["*"], header: { alg: "HS512" }, key: KEY.padEnd(64, "x") }),
      ]) {
        assert.equal((await send(hub, dialect, [["topic", "a"]], { token })).status, 401)
      }
    }
  })

  await t.test("32: audience, issuer and times of a token are checked in 1.0, and its times in 0.x", async () => {
    const publish = async (dialect: Dialect, claims: Record<string, unknown>): Promise<[number, string]> => {
      const { status } = await send(hub, dialect, [["topic", "a"]], {
        token: await tokenOf(dialect, { publish: ["*"], claims }),
      })
      return [status, status === 200 ? "" : reason()]
    }
    assert.deepEqual(await publish(1, { aud: ["https://other.example.com", RESOURCE] }), [200, ""])
    assert.deepEqual(await publish(1, { exp: now() + 100.5, nbf: now() - 1.5 }), [200, ""])
    const refused: [Record<string, unknown>, RegExp][] = [
      [{ aud: "https://other.example.com" }, /^aud is "https:\/\/other\.example\.com", want \["https:\/\/hub/],
      [{ aud: undefined }, /has no aud/],
      [{ aud: [] }, /aud/],
      [{ iss: "https://evil.example.com" }, /^no key for the issuer "https:\/\/evil/],
      [{ iss: undefined }, /^no key for the issuer/],
      [{ exp: undefined }, /has no exp/],
      [{ exp: now() - 60 }, /expired 6\d s ago$/],
      [{ nbf: now() + 60 }, /not valid before/],
    ]
    for (const [claims, why] of refused) {
      const [status, said] = await publish(1, claims)
      assert.equal(status, 401, JSON.stringify(claims))
      assert.match(said, why)
    }
    assert.deepEqual(await publish(0, { exp: now() + 100.5, aud: "x", iss: "y" }), [200, ""])
    assert.equal((await publish(0, { exp: now() - 60.5 }))[0], 401)
    assert.equal((await publish(0, { nbf: now() + 60 }))[0], 401)
  })

  await t.test(
    "33: one malformed Mercure detail makes the whole token invalid, and foreign details do not",
    async () => {
      const fine = { type: DETAIL, actions: ["publish"], topics: [{ match: "a" }] }
      const publish = async (details: unknown): Promise<number> => {
        const token = await tokenOf(1, { claims: { authorization_details: details } })
        return (await send(hub, 1, [["topic", "a"]], { token })).status
      }
      const malformed: unknown[] = [
        "a bare string",
        null,
        7,
        [],
        {},
        { type: DETAIL },
        { ...fine, actions: [] },
        { ...fine, actions: "publish" },
        { ...fine, actions: [1] },
        { ...fine, actions: ["publish", ""] },
        { ...fine, topics: [] },
        { ...fine, topics: "a" },
        { ...fine, topics: ["a"] },
        { ...fine, topics: [null] },
        { ...fine, topics: [{}] },
        { ...fine, topics: [{ match: "" }] },
        { ...fine, topics: [{ match: 1 }] },
        { ...fine, topics: [{ match: "a", match_type: "regexp" }] },
        { ...fine, topics: [{ match: "a", match_type: null }] },
        { ...fine, topics: [{ match: "https://e.com/{x", match_type: "urlpattern" }] },
        { ...fine, topics: Array.from({ length: 1_001 }, () => ({ match: "x" })) },
      ]
      for (const detail of malformed) {
        assert.equal(await publish([fine, detail]), 401, JSON.stringify(detail)?.slice(0, 100))
      }
      assert.equal(await publish({}), 401)
      assert.equal(await publish([fine]), 200)
      assert.equal(await publish([{ ...fine, actions: ["unknown", "publish"] }]), 200)
      assert.equal(await publish([{ type: "https://example.com/other", topics: 7 }, fine]), 200)
      assert.equal(await publish([{ ...fine, actions: ["unknown"] }]), 403)
      assert.equal(await publish([]), 403)
    },
  )

  await t.test("34: in 0.x the claim with a namespace counts, and a malformed one is refused", async () => {
    const publish = async (claims: Record<string, unknown>): Promise<number> =>
      (await send(hub, 0, [["topic", "a"]], { token: await tokenOf(0, { claims }) })).status
    const NAMESPACE = "https://mercure.rocks/"
    assert.equal(await publish({ mercure: { publish: ["a"] } }), 200)
    assert.equal(await publish({ [NAMESPACE]: { publish: ["a"] }, mercure: { publish: [] } }), 200)
    assert.equal(await publish({ [NAMESPACE]: { publish: [] }, mercure: { publish: ["a"] } }), 401)
    for (const mercure of ["a", 7, [], { publish: "a" }, { publish: [1] }])
      assert.equal(await publish({ mercure }), 401)
  })

  await t.test("35: a challenge tells the metadata and the kind of error, and no more", async () => {
    const strict = await mercureHub(t, { anonymous: false })
    const challenge = ({ headers }: Answer): string => headers.get("www-authenticate") ?? ""
    const metadata = `Bearer resource_metadata="${strict.url}/.well-known/oauth-protected-resource/.well-known/mercure"`
    const at = (dialect: Dialect, headers: Record<string, string>): Promise<Answer> =>
      ask(`${strict.hub}?${asking(dialect, "a")}`, { headers })
    for (const dialect of DIALECTS) {
      assert.equal(challenge(await at(dialect, {})), metadata)
      assert.equal(challenge(await at(dialect, bearer(bad))), `${metadata}, error="invalid_token"`)
      const narrow = await send(strict, dialect, [["topic", "a"]], {
        token: await tokenOf(dialect, { publish: ["b"] }),
      })
      assert.equal(narrow.status, dialect === 0 ? 401 : 403)
      assert.equal(challenge(narrow), `${metadata}, error="insufficient_scope"`)
      assert.doesNotMatch(narrow.text, /"|topic|\bb\b/)
    }
  })

  await t.test("36: a cookie publishes from the hub's own pages and listed ones only", async () => {
    const listed = await mercureHub(t, { publishOrigins: ["https://app.example.com", "https://*.preview.example.com"] })
    const post = async (dialect: Dialect, headers: Record<string, string>): Promise<number> => {
      const token = await tokenOf(dialect, { publish: ["*"] })
      const body = new URLSearchParams({ topic: "a" })
      return (
        await ask(listed.hub, { method: "POST", headers: { cookie: `${COOKIE[dialect]}=${token}`, ...headers }, body })
      ).status
    }
    for (const dialect of DIALECTS) {
      const fine = [
        { origin: "https://app.example.com" },
        { origin: "https://pr-7.preview.example.com" },
        { origin: listed.url },
        { referer: "https://app.example.com/page?x" },
      ]
      for (const headers of fine)
        assert.equal(await post(dialect, headers as Record<string, string>), 200, JSON.stringify(headers))
      const wrong = [
        {},
        { origin: "https://evil.example.com" },
        { origin: "null" },
        { origin: "https://preview.example.com" },
        { origin: "https://app.example.com.evil.com" },
        { origin: "https://evil.example.com", referer: "https://app.example.com/" },
        { referer: "https://evil.example.com/https://app.example.com" },
        { referer: "nonsense" },
      ]
      for (const headers of wrong) {
        assert.equal(
          await post(dialect, headers as Record<string, string>),
          dialect === 0 ? 401 : 400,
          JSON.stringify(headers),
        )
      }
    }
    const any = await mercureHub(t, { publishOrigins: ["*"] })
    const headers = {
      cookie: `${COOKIE[1]}=${await tokenOf(1, { publish: ["*"] })}`,
      origin: "https://anything.example",
    }
    assert.equal(
      (await ask(any.hub, { method: "POST", headers, body: new URLSearchParams({ topic: "a" }) })).status,
      200,
    )
  })

  await t.test("37: keys of an issuer are fetched once, and not again for each unknown one", async (t) => {
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
    let asked = 0
    const jwk = { ...(await exportJWK(publicKey)), kid: "k1", alg: "ES256" }
    const idp = createServer((_, res) => {
      asked++
      res.end(JSON.stringify({ keys: [jwk] }))
    }).listen(0, "127.0.0.1")
    t.after(() => idp.close())
    await new Promise((resolve) => idp.once("listening", resolve))
    const jwks = `http://127.0.0.1:${(idp.address() as AddressInfo).port}/jwks`
    const rotating = await mercureHub(t, { issuers: [{ issuer: ISSUER, jwks, allowPrivateJwks: true }] })
    const publish = async (kid: string, i: number): Promise<number> => {
      const token = await new SignJWT({
        iss: ISSUER,
        aud: RESOURCE,
        exp: now() + 300,
        jti: String(i),
        authorization_details: [{ type: DETAIL, actions: ["publish"], topics: [{ match: "*" }] }],
      })
        .setProtectedHeader({ alg: "ES256", typ: "at+jwt", kid })
        .sign(privateKey)
      return (await send(rotating, 1, [["topic", "a"]], { token })).status
    }
    assert.deepEqual(await Promise.all([1, 2, 3].map((i) => publish("k1", i))), [200, 200, 200])
    assert.equal(asked, 1)
    assert.deepEqual(await Promise.all([1, 2, 3].map((i) => publish("unknown", i))), [401, 401, 401])
    assert.equal(asked, 1)
  })

  await t.test("auth=required refuses a subscriber without a token where anonymous ones are accepted", async () => {
    for (const dialect of DIALECTS) {
      assert.equal((await subscribe(dialect, {}, "&auth=required")).status, 401)
      assert.equal((await subscribe(dialect, bearer(good[dialect]), "&auth=required")).status, 200)
    }
  })
})

test("keys that cannot be used end the start", async (t) => {
  const start = (
    mercure: Record<string, unknown>,
    settings: Parameters<typeof mercureHub>[2] = {},
  ): Promise<MercureHub> => mercureHub(t, { issuers: undefined, subscriber: undefined, ...mercure }, settings)
  const pem = generateKeyPairSync("rsa", { modulusLength: 2_048 }).publicKey.export({ type: "spki", format: "pem" })
  await assert.rejects(start({ publisher: { key: pem } }), UsageError)
  await assert.rejects(start({ publisher: { key: pem, algorithm: "ES256" } }), UsageError)
  await assert.rejects(start({ publisher: { key: KEY, algorithm: "RS256" } }), UsageError)
  await assert.rejects(start({ publisher: { algorithm: "HS256" } }), UsageError)
  await assert.rejects(start({ issuers: [{ issuer: ISSUER, secret: KEY }], resource: undefined }), UsageError)
  for (const key of ["!ChangeMe!", "!ChangeThisMercureHubJWTSecretKey!", "short"]) {
    await assert.rejects(start({ publisher: { key } }, { host: "0.0.0.0" }), UsageError)
  }
})
