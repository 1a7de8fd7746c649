import assert from "node:assert/strict"
import { test } from "node:test"
import { makeCertificate } from "../certificate.ts"
import { runOnward } from "../onward.ts"
import { testServer } from "../server.ts"
import { temporaryFolder } from "../temporary-folder.ts"

test("onward doctor --many opens more streams over HTTP/2 than a browser has connections", async (t) => {
  const certificate = makeCertificate(temporaryFolder(t))
  const server = await testServer(t, { log: "memory:", tls: certificate, heartbeat: "1s" })
  const url = `https://localhost:${server.port}/events?topic=a`
  const doctor = (many: string) =>
    runOnward(t, ["doctor", url, "--many", many, "--listen", "100", "--json"], {
      NODE_EXTRA_CA_CERTS: certificate.cert,
    })
  const twenty = doctor("20")
  await twenty.ended
  assert.match(twenty.printed(), /20 streams at once are open, over one HTTP\/2 connection/)
  assert.doesNotMatch(twenty.printed(), /a browser opens 6 connections/)
})
