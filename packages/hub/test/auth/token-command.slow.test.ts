import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { generateKeyPairSync } from "node:crypto"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { test, type TestContext } from "node:test"
import { fileURLToPath } from "node:url"
import { temporaryFolder } from "../temporary-folder.ts"
import { AUDIENCE, ISSUER, SECRET, signToken } from "./tokens.ts"

const bin = fileURLToPath(new URL("../../src/bin.ts", import.meta.url))

interface Ran {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** Runs `onward` in a folder with this configuration. */
async function run(folder: string, args: readonly string[], input = ""): Promise<Ran> {
  const child = spawn(process.execPath, ["--conditions=onward-source", bin, ...args], { cwd: folder })
  child.stdin.end(input)
  const code = new Promise<number | null>((resolve) => child.once("close", resolve))
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)])
  return { code: await code, out, err }
}

function configured(t: TestContext, auth: object): string {
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, "onward.yaml"), JSON.stringify({ auth }))
  return folder
}

const SHARED = { issuers: [{ issuer: ISSUER, audience: AUDIENCE, secret: SECRET }] }

test("a token that the command created is accepted by the command, with its grants", async (t) => {
  const folder = configured(t, SHARED)
  const create = ["token", "create", "--user", "ada", "--subscribe", "room/*", "--publish", "chat", "--ttl", "5m"]
  const created = await run(folder, create)
  assert.equal(created.code, 0, created.err)
  assert.match(created.out, /^[\w-]+\.[\w-]+\.[\w-]+\n$/)
  const checked = await run(folder, ["token", "check", "-", "--subscribe", "room/7", "--publish", "chat"], created.out)
  assert.equal(checked.code, 0, checked.out)
  assert.match(checked.out, /^ok {4}user "ada" of "https:\/\/app\.example\.com", expires 20/m)
  assert.match(checked.out, /^ok {4}may subscribe "room\/7": the grant room\/\* covers it$/m)
  const more = await run(folder, ["token", "check", created.out.trim(), "--subscribe", "room*"])
  assert.equal(more.code, 1)
  assert.match(more.out, /^BAD {3}may not subscribe "room\*": none of the grants /m)
})

test("the command prints why a token is refused", async (t) => {
  const folder = configured(t, SHARED)
  const expired = await run(
    folder,
    ["token", "check", "-"],
    await signToken({ exp: Math.floor(Date.now() / 1_000) - 60 }),
  )
  assert.equal(expired.code, 1)
  assert.match(expired.out, /^claims \{.*"sub":"ada"/m)
  assert.match(expired.out, /^BAD {3}the token of .* expired 6\d s ago$/m)
})

test("the command signs a token with a private key for an issuer with its public key", async (t) => {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519")
  const pem = publicKey.export({ type: "spki", format: "pem" })
  const folder = configured(t, { issuers: [{ issuer: "a", audience: "b", publicKey: pem }] })
  writeFileSync(join(folder, "key.pem"), privateKey.export({ type: "pkcs8", format: "pem" }))
  const created = await run(folder, ["token", "create", "--user", "ada", "--key", "key.pem"])
  assert.equal(created.code, 0, created.err)
  assert.equal((await run(folder, ["token", "check", "-"], created.out)).code, 0)
})

test("a publish key is printed with the configuration that makes a hub accept it", async (t) => {
  const folder = temporaryFolder(t)
  const { out: key, err } = await run(folder, ["token", "create", "--publish-key", "--name", "shop"])
  assert.match(key, /^ok_[\w-]{43}\n$/)
  assert.ok(!err.includes(key.trim()))
  writeFileSync(join(folder, "onward.yaml"), err.slice(err.indexOf("auth:")))
  const checked = await run(folder, ["token", "check", "-", "--publish", "orders/1"], key)
  assert.equal(checked.code, 0, checked.err)
  assert.match(checked.out, /^ok {4}key "shop", does not expire$/m)
})

test("a failure of the command is one line that says what to do", async (t) => {
  const folder = configured(t, SHARED)
  const cases: [args: string[], message: RegExp][] = [
    [["create", "--issuer", "other"], /There is no issuer "other"\. Use one of "https:/],
    [["create", "--ttl", "soon"], /Invalid value for --ttl: "soon"\. Use a time/],
    [["create", "token"], /takes options only, not "token"/],
    [["chek"], /There is no token command "chek"\. Did you mean check\?/],
    [["check"], /takes one token\. Write - to read it/],
    [["check", "a", "--ttl", "1h"], /has no option --ttl/],
  ]
  for (const [args, message] of cases) {
    const { code, err, out } = await run(folder, ["token", ...args])
    assert.deepEqual([code, out], [2, ""], err)
    assert.match(err, message)
    assert.equal(err.trim().split("\n").length, 1)
  }
  assert.match((await run(temporaryFolder(t), ["token", "create"])).err, /The configuration has no auth\.issuers/)
  const short = configured(t, { issuers: [{ issuer: "a", audience: "b", secret: "short" }] })
  assert.match((await run(short, ["check"])).err, /auth\.issuers\[0\]\.secret must have at least 32 bytes/)
})
