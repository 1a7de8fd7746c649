import assert from "node:assert/strict"
import { generateKeyPairSync } from "node:crypto"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { decodeJwt, decodeProtectedHeader, type JWTPayload } from "jose"
import { hashKey, type AuthOptions } from "../../src/auth/index.ts"
import { checkToken } from "../../src/token/check.ts"
import { readToken, type TokenCommand } from "../../src/token/command-line.ts"
import { createToken, type CreateOptions } from "../../src/token/create.ts"
import { AUDIENCE, AUTH, ISSUER, PUBLISH_KEY, SECRET, signToken } from "../auth/tokens.ts"
import { temporaryFolder } from "../temporary-folder.ts"

const read = (args: string): TokenCommand | undefined => readToken(args.split(" "))
const PLAIN = { name: "token create", config: undefined, user: undefined, publish: [], subscribe: [], ttl: 3_600 }
const NOTHING = { issuer: undefined, keyFile: undefined, kid: undefined }

test("the command line of tokens is read", () => {
  assert.deepEqual(read("create"), { ...PLAIN, ...NOTHING })
  assert.deepEqual(
    read("create --config c --user ada --publish a --publish b --subscribe c --issuer i --key k --kid 1 --ttl 5m"),
    {
      ...{ name: "token create", config: "c", user: "ada", publish: ["a", "b"], subscribe: ["c"], ttl: 300 },
      ...{ issuer: "i", keyFile: "k", kid: "1" },
    },
  )
  for (const [text, ttl] of [
    ["1", 1],
    ["30s", 30],
    ["12h", 43_200],
    ["7d", 604_800],
  ] as const) {
    assert.partialDeepStrictEqual(read(`create --ttl ${text}`), { ttl })
  }
  assert.deepEqual(read("create --publish-key"), { name: "token create", config: undefined, publishKey: "backend" })
  assert.partialDeepStrictEqual(read("create --publish-key --name shop"), { publishKey: "shop" })
  assert.deepEqual(read("check t --publish a --subscribe b"), {
    ...{ name: "token check", config: undefined, token: "t", publish: ["a"], subscribe: ["b"] },
  })
  assert.deepEqual(read("check -"), { name: "token check", config: undefined, token: "-", publish: [], subscribe: [] })
  assert.equal(read("--help"), undefined)
})

test("a mistake in the command line of tokens is named", () => {
  for (const [args, message] of [
    ["create t", 'onward token create takes options only, not "t". Leave it out.'],
    ["create --ttl 0", 'Invalid value for --ttl: "0". Use a time such as 30s, 5m, 12h or 7d.'],
    ["create --ttl 1w", 'Invalid value for --ttl: "1w". Use a time such as 30s, 5m, 12h or 7d.'],
    ["check", "onward token check takes one token. Write - to read it from standard input."],
    ["check a b", "onward token check takes one token. Write - to read it from standard input."],
    ["check a --kid b", "onward token check has no option --kid. Leave it out."],
    ["creat", 'There is no token command "creat". Did you mean create?'],
    ["", 'There is no token command "". onward --help lists them.'],
  ] as const) {
    assert.throws(() => read(args), { name: "UsageError", message })
  }
})

const options = (more: object = {}): CreateOptions =>
  ({ ...PLAIN, ...NOTHING, name: undefined, ...more }) as unknown as CreateOptions

test("a token has the issuer's audience, and the user and the grants in its claims", async () => {
  const issuer = { issuer: ISSUER, audience: ["a", AUDIENCE], secret: SECRET, userIdClaim: "uid", grantsClaim: "may" }
  const auth: AuthOptions = { issuers: [{ issuer: "other", audience: "o", secret: SECRET }, issuer] }
  const given = options({ user: "ada", publish: ["p"], subscribe: ["s"], ttl: 60, kid: "k", issuer: ISSUER })
  const { value, advice } = await createToken(given, auth)
  const { iat = 0, jti, ...claims } = decodeJwt(value)
  assert.deepEqual(claims, {
    ...{ iss: ISSUER, aud: ["a", AUDIENCE], uid: "ada", may: { publish: ["p"], subscribe: ["s"] }, exp: iat + 60 },
  })
  assert.match(jti ?? "", /^[\w-]{16}$/)
  assert.deepEqual(decodeProtectedHeader(value), { alg: "HS256", typ: "JWT", kid: "k" })
  assert.equal(advice, "The token is valid for 60 s. Send it as Authorization: Bearer <token>.")
  const plain = decodeJwt(
    (
      await createToken(options(), {
        issuers: [{ ...AUTH.issuers?.[0], algorithms: ["HS512"], secret: "x".repeat(64) } as never],
      })
    ).value,
  )
  assert.deepEqual(Object.keys(plain).sort(), ["aud", "exp", "iat", "iss", "jti"])
  const one = await createToken(options({ subscribe: ["s"] }), AUTH)
  assert.deepEqual(decodeJwt(one.value)["onward"], { publish: [], subscribe: ["s"] })
  assert.ok(!("kid" in decodeProtectedHeader(one.value)))
})

test("a token is not created for an issuer that is unknown or ambiguous, or without a fitting key", async (t) => {
  const folder = temporaryFolder(t)
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
  const file = join(folder, "key.pem")
  writeFileSync(file, privateKey.export({ type: "pkcs8", format: "pem" }))
  const issuer = { issuer: "pem", audience: "a", publicKey: publicKey.export({ type: "spki", format: "pem" }) }
  const both: AuthOptions = { issuers: [issuer, ...(AUTH.issuers ?? [])] }
  const cases: [more: object, auth: AuthOptions, message: string][] = [
    [{}, {}, "The configuration has no auth.issuers. Add one, or use --publish-key."],
    [{}, both, `There are several issuers. Choose one with --issuer: "pem", "${ISSUER}".`],
    [{ issuer: "x" }, both, `There is no issuer "x". Use one of "pem", "${ISSUER}".`],
    [{ issuer: "pem" }, both, 'The configuration has no secret of "pem". Give its private key with --key <file>.'],
    [
      { issuer: "pem", keyFile: folder },
      both,
      `--key ${folder} cannot be read as a private key. Give a file in PEM format.`,
    ],
    [
      { keyFile: file },
      { issuers: [{ ...issuer, algorithms: ["RS256"] }] },
      `--key ${file} does not fit the algorithms of "pem".`,
    ],
  ]
  for (const [more, auth, message] of cases)
    await assert.rejects(createToken(options(more), auth), { name: "UsageError", message })
  const { value } = await createToken(options({ issuer: "pem", keyFile: file }), both)
  assert.equal(decodeProtectedHeader(value).alg, "ES256")
  assert.ok((await checkToken(value, { config: undefined, token: value, publish: [], subscribe: [] }, both)).isGranted)
})

test("a publish key is printed once, and its hash for the configuration", async () => {
  const { value, advice } = await createToken({ config: undefined, publishKey: 'sh"op' })
  assert.match(value, /^ok_[\w-]{43}$/)
  assert.ok(advice.endsWith(`auth:\n  keys:\n    - name: "sh\\"op"\n      sha256: ${hashKey(value).toString("hex")}`))
  assert.notEqual((await createToken({ config: undefined, publishKey: "a" })).value, value)
})

test("a check tells the parts of a token, its grants, and why each topic is granted or not", async () => {
  const asked = (publish: string[], subscribe: string[]) => ({ config: undefined, token: "", publish, subscribe })
  const exp = Math.floor(Date.now() / 1_000) + 60
  const many = Array.from({ length: 12 }, (_, i) => `t${i}`)
  const token = await signToken({ exp, iat: 1, onward: { publish: ["a"], subscribe: many } })
  const { lines, isGranted } = await checkToken(token, asked(["a"], ["t1", "x", "stream.x"]), AUTH)
  assert.ok(!isGranted)
  const listed = many.slice(0, 10).join(", ")
  assert.deepEqual(lines.slice(2), [
    `ok    user "ada" of "${ISSUER}", expires ${new Date(exp * 1_000).toISOString()}`,
    "ok    The claim onward of the token grants them.",
    "ok    may publish [a]",
    `ok    may subscribe [${listed}, and 2 more]`,
    'ok    may publish "a": the grant a covers it',
    'ok    may subscribe "t1": the grant t1 covers it',
    `BAD   may not subscribe "x": none of the grants [${listed}, and 2 more] covers it`,
    'BAD   may not subscribe "stream.x": topics that start with stream. are reserved',
  ])
  assert.match(lines[0] ?? "", /^header \{"alg":"HS256"\}$/)
  assert.match(lines[1] ?? "", /^claims \{"iss":/)
  assert.ok((await checkToken(token, asked(["a"], ["t1"]), AUTH)).isGranted)
  const key = await checkToken(PUBLISH_KEY, asked(["b"], ["b"]), AUTH)
  assert.deepEqual(key, {
    lines: [
      'ok    key "backend", does not expire',
      "ok    may publish [*]",
      "ok    may subscribe []",
      'ok    may publish "b": the grant * covers it',
      'BAD   may not subscribe "b": nothing is granted for this action',
    ],
    isGranted: false,
  })
  assert.deepEqual(await checkToken("ok_unknown", asked([], []), AUTH), {
    lines: ["BAD   the key is not one of auth.keys"],
    isGranted: false,
  })
  assert.deepEqual((await checkToken("ok_unknown", asked([], []))).isGranted, false)
})

test("a check tells which permissions apply, and why the others do not", async () => {
  const auth: AuthOptions = {
    ...AUTH,
    permissions: [
      { when: { role: "editor" }, publish: ["news"] },
      { when: { plan: "pro", role: "reader" }, subscribe: ["all"] },
      { when: { sub: "bob" }, subscribe: ["bob"] },
      { subscribe: ["users/{sub}", "orgs/{org}"] },
    ],
  }
  const sources = async (claims: JWTPayload, of: AuthOptions): Promise<string[]> => {
    const { lines } = await checkToken(
      await signToken(claims),
      { config: undefined, token: "", publish: [], subscribe: [] },
      of,
    )
    return lines.slice(3).map((line) => line.slice(6))
  }
  assert.deepEqual(await sources({ role: "editor", plan: "pro" }, auth), [
    "auth.permissions[0] applies.",
    "auth.permissions[1] does not apply: it needs role = reader, and the token has editor.",
    "auth.permissions[2] does not apply: it needs sub = bob, and the token has ada.",
    "auth.permissions[3] applies.",
    "auth.permissions[3]: orgs/{org} grants nothing, because a claim in it is missing or is not one segment.",
    "may publish [news]",
    "may subscribe [users/ada]",
  ])
  assert.match(
    (await sources({}, auth))[0] ?? "",
    /^auth.permissions\[0\] .* needs role = editor, and the token has no such claim\.$/,
  )
  assert.equal(
    (await sources({ onward: {} }, auth))[0],
    "The claim onward of the token grants them, so auth.permissions do not apply.",
  )
  assert.equal((await sources({}, AUTH))[0], "The token has no claim onward, and there are no auth.permissions.")
  const other = { ...AUTH, issuers: [{ ...AUTH.issuers?.[0], grantsClaim: "may" } as never] }
  assert.equal((await sources({ may: {} }, other))[0], "The claim may of the token grants them.")
})
