import assert from "node:assert/strict"
import { once } from "node:events"
import { mkdirSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { test } from "node:test"
import { setTimeout as sleep } from "node:timers/promises"
import { makeCertificate } from "./certificate.ts"
import { runOnward, serveOnward } from "./onward.ts"
import { publish } from "./server.ts"
import { temporaryFolder } from "./temporary-folder.ts"

/** What a terminal shows. */
const TEXT = ["--log-format", "text"]

test("an invalid command line ends with exit code 2", async (t) => {
  const onward = runOnward(t, ["serve", "--prot", "1"])
  assert.equal(await onward.ended, 2)
  assert.equal(onward.printed(), 'onward: There is no option "--prot". Did you mean --port?\n')
})

test("an invalid pattern is one line and exit code 2", async (t) => {
  const onward = runOnward(t, ["serve", "--port", "0", "--data", temporaryFolder(t), "--presence", "room/**"])
  assert.equal(await onward.ended, 2)
  assert.match(onward.printed(), /^onward: --presence: a pattern knows [^\n]*\n$/)
})

test("a busy port is one line and exit code 1", async (t) => {
  const other = createServer().listen(0, "127.0.0.1")
  await once(other, "listening")
  t.after(() => other.close())
  const { port } = other.address() as AddressInfo
  const onward = runOnward(t, ["serve", "--port", String(port), "--data", temporaryFolder(t)])
  assert.equal(await onward.ended, 1)
  assert.match(
    onward.printed(),
    new RegExp(`^onward: Port ${port} on 127\\.0\\.0\\.1 is in use\\. [^\\n]*--port[^\\n]*\\n$`),
  )
})

test("a busy admin port is one line that names its option", async (t) => {
  const other = createServer().listen(0, "127.0.0.1")
  await once(other, "listening")
  t.after(() => other.close())
  const { port } = other.address() as AddressInfo
  const data = temporaryFolder(t)
  const onward = runOnward(t, ["serve", "--port", "0", "--admin-port", String(port), "--data", data])
  assert.equal(await onward.ended, 1)
  assert.match(
    onward.printed(),
    new RegExp(`^onward: Port ${port} on 127\\.0\\.0\\.1 is in use\\. [^\\n]*--admin-port\\.\\n$`),
  )
})

test("onward check reports a certificate that cannot be used, and prints how many settings are set", async (t) => {
  const folder = temporaryFolder(t)
  const { cert, key } = makeCertificate(folder)
  const [good, bad] = [
    runOnward(t, ["check", "--tls-cert", cert, "--tls-key", key]),
    runOnward(t, ["check", "--tls-cert", key, "--tls-key", key]),
  ]
  assert.deepEqual([await good.ended, await bad.ended], [0, 2])
  assert.match(good.printed(), /^The configuration is valid: .* 2 settings are set\.\n$/)
  assert.match(bad.printed(), /^onward: The certificate .* cannot be used: .* Check tls\.cert and tls\.key\.\n$/)
})

test("a data folder that cannot be created is one line and exit code 1", async (t) => {
  const folder = temporaryFolder(t)
  const file = join(folder, "file")
  writeFileSync(file, "")
  for (const data of [file, join(file, "below")]) {
    const onward = runOnward(t, ["serve", "--port", "0", "--data", data])
    assert.equal(await onward.ended, 1)
    assert.match(onward.printed(), /^onward: [^\n]*(?:is a file|cannot be a folder)[^\n]*--data\.\n$/)
  }
})

test("a data folder that cannot be written is one line and exit code 1", async (t) => {
  // the superuser may write everywhere but where the kernel itself says no
  const isRoot = process.getuid?.() === 0
  const folder = isRoot ? "/sys/kernel" : join(temporaryFolder(t), "read-only")
  mkdirSync(folder, { recursive: true, mode: 0o500 })
  for (const data of [join(folder, "below"), ...(isRoot ? [] : [folder])]) {
    const onward = runOnward(t, ["serve", "--port", "0", "--data", data])
    assert.equal(await onward.ended, 1)
    assert.match(onward.printed(), /^onward: [^\n]*cannot be written[^\n]*\n$/)
  }
})

test("a log whose folder cannot be created is one line that names it, and exit code 1", async (t) => {
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, "file"), "")
  const path = join(folder, "file", "events.db")
  const onward = runOnward(t, ["serve", "--port", "0", "--data", folder, "--log", `sqlite:${path}`])
  assert.equal(await onward.ended, 1)
  const line = `onward: log ${path}: its folder cannot be made (EEXIST): choose another path (log_unavailable)\n`
  assert.equal(onward.printed(), line)
})

test("an invalid log address in the environment is reported with the name of its variable", async (t) => {
  const onward = runOnward(t, ["serve"], { ONWARD_LOG: "events.db" })
  assert.equal(await onward.ended, 2)
  assert.match(onward.printed(), /^onward: Invalid value for ONWARD_LOG: "events\.db"\. Use sqlite:<path>, [^\n]*\n$/)
})

test("a damaged log is one line with its code and exit code 1", async (t) => {
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, "events.db"), "this is no database, however long it may be. ".repeat(100))
  const onward = runOnward(t, ["serve", "--port", "0", "--data", folder])
  assert.equal(await onward.ended, 1)
  assert.match(onward.printed(), /^onward: log [^\n]*\(log_corrupt\)\n$/)
})

for (const host of ["0.0.0.0", "::"]) {
  test(`started on ${host}, it says that it listens on all addresses`, async (t) => {
    const { printed, port } = await serveOnward(t, {
      data: temporaryFolder(t),
      args: ["--host", host, "--insecure", ...TEXT],
    })
    const address = host === "::" ? "[::]" : host
    assert.ok(
      printed().includes(`Onward listens on http://${address}:${port} (all addresses of this machine), its log is `),
      printed(),
    )
    // on standard error, which may arrive later
    while (!printed().includes("onward: warning: Every machine that reaches this hub can read and publish"))
      await sleep(20)
    // what follows is to be pasted into a terminal of this machine
    assert.ok(printed().includes(`curl -d topic=hello -d data=world http://127.0.0.1:${port}/publish`), printed())
  })
}

test("a hub that other machines can reach does not start by accident", async (t) => {
  const onward = runOnward(t, ["serve", "--host", "0.0.0.0", "--port", "0", "--data", temporaryFolder(t)])
  assert.equal(await onward.ended, 2)
  assert.match(onward.printed(), /^onward: --host 0\.0\.0\.0 opens the hub [^\n]*--insecure\.\n$/)
})

test("the printed example commands work", async (t) => {
  const onward = await serveOnward(t, { data: temporaryFolder(t), args: TEXT })
  const listen = /curl -N "([^"]+)"/.exec(onward.printed())?.[1] ?? ""
  assert.equal(listen, `${onward.url}/events?topic=hello`)
  assert.ok(onward.printed().includes(`curl -d topic=hello -d data=world ${onward.url}/publish\n`))
  const response = await fetch(listen)
  await publish(onward.url, { topic: "hello", data: "world" })
  let text = ""
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString()
    if (text.includes("data: world\n\n")) break
  }
})

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  test(`${signal} ends it with exit code 0, including open streams`, async (t) => {
    const onward = await serveOnward(t, { data: temporaryFolder(t) })
    const streams = await Promise.all(["/events?topic=a", "/demo/log"].map((path) => fetch(onward.url + path)))
    onward.child.kill(signal)
    const texts = await Promise.all(streams.map((stream) => stream.text()))
    assert.match(
      texts[0] ?? "",
      /\nevent: stream\.checkpoint\nretry: \d+\nid: \S+\ndata: \{\}\n\n$/,
      "told when to come back",
    )
    assert.ok(!texts[1]?.includes("stream.end"), "the file goes on, so the reader comes back")
    assert.equal(await onward.ended, 0)
  })
}
