import assert from "node:assert/strict"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { pathToFileURL } from "node:url"
import { signatureOf } from "../../src/webhooks/sign.ts"
import { temporaryFolder } from "../temporary-folder.ts"

type Verify = (body: string, signature: string, secret: string, now?: number) => boolean

test("docs/webhooks.md: the function of the page accepts what the hub signs, and nothing else", async (t) => {
  const page = readFileSync(new URL("../../../../docs/webhooks.md", import.meta.url), "utf8")
  const code = /```ts\n([^]*?)```/.exec(page)?.[1] ?? ""
  const file = join(temporaryFolder(t), "verify.mts")
  writeFileSync(file, code)
  const { isFromHub } = (await import(pathToFileURL(file).href)) as { isFromHub: Verify }
  const [secret, other] = ["a secret of more than thirty-two bytes", "another secret of more than 32 bytes"]
  const body = JSON.stringify({ id: "1", event: "user.joined", topic: "räume/7" })
  const now = Date.UTC(2026, 11, 1)
  const signature = signatureOf(body, [secret], now)
  assert.ok(isFromHub(body, signature, secret, now))
  assert.ok(isFromHub(body, signature, secret, now + 299_000))
  assert.ok(isFromHub(body, signatureOf(body, [other, secret], now), secret, now))
  assert.ok(!isFromHub(body, signature, secret, now + 301_000))
  assert.ok(!isFromHub(body, signature, other, now))
  assert.ok(!isFromHub(`${body} `, signature, secret, now))
  for (const forged of [
    "",
    "t=",
    "t=1",
    signature.replace("v1=", "v0="),
    signature.slice(0, -2),
    `t=${now / 1_000},v1=`,
  ]) {
    assert.ok(!isFromHub(body, forged, secret, now), forged)
  }
  assert.ok(!isFromHub(body, signature.replace(/t=\d+/, `t=${now / 1_000 + 1}`), secret, now))
})
