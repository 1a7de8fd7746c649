import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { test, type TestContext } from "node:test"
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey } from "jose"
import { fetchJwks } from "../../src/auth/fetch-jwks.ts"
import { createIssuers, type Issuers } from "../../src/auth/issuers.ts"
import { createPermissions } from "../../src/auth/permissions.ts"
import type { Principal } from "../../src/auth/principal.ts"
import { HttpError } from "../../src/http-error.ts"

const HOUR_S = 3_600

interface Provider {
  readonly url: string
  /** How often its keys were read. */
  readonly asked: () => number
  /** Makes a new key and publishes it with the last one. */
  rotate(): Promise<void>
  /** A token by the newest key, or by another one. */
  sign(by?: { readonly key?: CryptoKey; readonly kid?: string }): Promise<string>
  status: number
}

/** A provider of identities, with a clock of its own that the test sets. */
async function provider(t: TestContext, now: () => number): Promise<Provider> {
  const keys: { kid: string; key: CryptoKey; jwk: object }[] = []
  let asked = 0
  const server = createServer((_, res) => {
    asked++
    res.writeHead(self.status, self.status === 302 ? { location: "/other" } : {})
    res.end(JSON.stringify({ keys: keys.slice(-2).map(({ jwk }) => jwk) }))
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const self: Provider = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`,
    asked: () => asked,
    status: 200,
    async rotate() {
      const { privateKey: key, publicKey } = await generateKeyPair("ES256")
      const kid = `key-${keys.length}`
      keys.push({ kid, key, jwk: { ...(await exportJWK(publicKey)), kid, alg: "ES256" } })
    },
    sign({ key = keys.at(-1)?.key as CryptoKey, kid = keys.at(-1)?.kid ?? "" } = {}) {
      const seconds = Math.floor(now() / 1_000)
      return new SignJWT({ iss: "idp", aud: "hub", sub: "ada", exp: seconds + HOUR_S })
        .setProtectedHeader({ alg: "ES256", kid })
        .sign(key)
    },
  }
  await self.rotate()
  return self
}

interface Bench {
  /** `ahead`: how far `now` is ahead of the monotonic clock. */
  readonly clock: { now: number; ahead: number }
  readonly idp: Provider
  readonly issuers: Issuers
  readonly errors: unknown[]
}

async function setUp(t: TestContext): Promise<Bench> {
  const clock = { now: Date.now(), ahead: 0 }
  const now = (): number => clock.now
  const idp = await provider(t, now)
  const errors: unknown[] = []
  const issuers = createIssuers({
    issuers: [{ issuer: "idp", audience: "hub", jwks: idp.url, allowPrivateJwks: true }],
    grantsOf: createPermissions([]),
    maxLifetime: 86_400_000,
    onError: (error) => errors.push(error),
    now,
    monotonic: () => clock.now - clock.ahead,
  })
  return { clock, idp, issuers, errors }
}

const verify = async ({ issuers }: Bench, token: string): Promise<Principal> => issuers.verify(token)

test("keys that rotate during 1,000 connects are read once, and no token is refused", async (t) => {
  const bench = await setUp(t)
  const { clock, idp } = bench
  const old = await idp.sign()
  await verify(bench, old)
  assert.equal(idp.asked(), 1)
  clock.now += 31_000
  await idp.rotate()
  const tokens = await Promise.all(Array.from({ length: 1_000 }, () => idp.sign()))
  const principals = await Promise.all(tokens.map((token) => verify(bench, token)))
  assert.ok(principals.every(({ userId }) => userId === "ada"))
  assert.equal(idp.asked(), 2)
  // the key before it is published still
  await verify(bench, old)
  assert.equal(idp.asked(), 2)
})

for (const step of [-HOUR_S, HOUR_S]) {
  test(`a clock that is set by ${step} s delays neither new keys nor the end of withdrawn ones`, async (t) => {
    const bench = await setUp(t)
    const { clock, idp } = bench
    await verify(bench, await idp.sign())
    clock.ahead += step * 1_000
    clock.now += step * 1_000
    await verify(bench, await idp.sign())
    assert.equal(idp.asked(), 1, "the keys are as fresh as before")
    clock.now += 31_000
    await idp.rotate()
    const token = await idp.sign()
    assert.equal((await verify(bench, token)).userId, "ada")
    // two rotations later its key is not published any more
    await idp.rotate()
    await idp.rotate()
    clock.now += 601_000
    await verify(bench, await idp.sign())
    await assert.rejects(verify(bench, token))
  })
}

test("a flood of unknown key ids makes the hub read the keys at most once in 30 s", async (t) => {
  const bench = await setUp(t)
  const { clock, idp } = bench
  await verify(bench, await idp.sign())
  const { privateKey } = await generateKeyPair("ES256")
  let refused = 0
  for (let second = 0; second < 90; second++) {
    const tokens = await Promise.all(
      Array.from({ length: 20 }, (_, i) => idp.sign({ key: privateKey, kid: `unknown-${second}-${i}` })),
    )
    const results = await Promise.allSettled(tokens.map((token) => verify(bench, token)))
    refused += results.filter(({ status }) => status === "rejected").length
    clock.now += 1_000
  }
  assert.equal(refused, 1_800)
  // at the start, and once in each 30 s
  assert.ok(idp.asked() <= 4, `${idp.asked()} times`)
  await verify(bench, await idp.sign())
})

test("while the keys cannot be read, known keys are used for an hour, and without any the hub responds with 503", async (t) => {
  const bench = await setUp(t)
  const { clock, idp, errors } = bench
  idp.status = 500
  const isUnavailable = (error: unknown): boolean => error instanceof HttpError && error.status === 503
  await assert.rejects(verify(bench, await idp.sign()), isUnavailable)
  await assert.rejects(verify(bench, await idp.sign()), isUnavailable)
  assert.equal(idp.asked(), 1)
  assert.match(
    String(errors[0]),
    /cannot be read: it answered with status 500\. Tokens of its issuer are checked with none\.$/,
  )
  idp.status = 200
  clock.now += 6_000
  await verify(bench, await idp.sign())
  idp.status = 500
  clock.now += 1_800_000
  await verify(bench, await idp.sign())
  clock.now += 1_900_000
  await assert.rejects(verify(bench, await idp.sign()), isUnavailable)
  idp.status = 200
  clock.now += 31_000
  await verify(bench, await idp.sign())
})

test("a key set is not read through a redirect", async (t) => {
  const bench = await setUp(t)
  bench.idp.status = 302
  await assert.rejects(verify(bench, await bench.idp.sign()))
  assert.equal(bench.idp.asked(), 1)
})

test("an invalid key set is refused, and so is one that is too large", async (t) => {
  let body = ""
  const server = createServer((_, res) => res.end(body)).listen(0, "127.0.0.1")
  await once(server, "listening")
  t.after(() => server.close())
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  for (body of ["", "null", "[]", '{"keys":{}}', `{"keys":[${"{},".repeat(100)}{}]}`, " ".repeat(300_000)]) {
    await assert.rejects(fetchJwks(url, { allowPrivate: true }), Error)
  }
})

/** Addresses of this machine, its network and nowhere, as attackers write them. */
const PRIVATE = [
  ...["127.0.0.1", "127.1", "127.0.1", "127.255.255.254", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001"],
  ...["2130706433", "0", "0.0.0.0", "127.0.0.1.", "①②⑦.⓪.⓪.①", "127%2e0.0.1", "localhost", "LOCALHOST"],
  ...[
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
  ],
  ...[
    "[2002:7f00:1::]",
    "[2001::1]",
    "[fe80::1]",
    "[fec0::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[ff02::1]",
    "[2001:db8::1]",
  ],
  ...["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "169.254.169.254", "2852039166"],
  ...["0xa9fea9fe", "[::ffff:a9fe:a9fe]", "198.18.0.1", "192.0.2.1", "203.0.113.9", "224.0.0.1", "255.255.255.255"],
]

test("a key set at a private address is not read, in any notation of the address", async (t) => {
  let requests = 0
  const server = createServer((_, res) => {
    requests++
    res.end('{"keys":[]}')
  }).listen(0, "::")
  await once(server, "listening")
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  assert.ok(PRIVATE.length >= 40)
  for (const host of PRIVATE) {
    const url = new URL(`http://${host}:${port}/`)
    await assert.rejects(fetchJwks(url, { allowPrivate: false }), /is a private address/, host)
  }
  assert.equal(requests, 0)
  await fetchJwks(new URL(`http://localhost:${port}/`), { allowPrivate: true })
  assert.equal(requests, 1)
})
