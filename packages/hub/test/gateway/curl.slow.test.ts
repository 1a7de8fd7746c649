import assert from "node:assert/strict"
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { test, type TestContext } from "node:test"
import { makeCertificate } from "../certificate.ts"
import { serveOnward } from "../onward.ts"
import { temporaryFolder } from "../temporary-folder.ts"
import { begin, chat, createProvider } from "./provider.ts"

const skip = spawnSync("curl", ["--version"]).status === 0 ? false : "curl is missing"

/** curl as a process: what it printed so far, and what it prints until it ends. */
function curl(t: TestContext, args: readonly string[]) {
  const child = spawn("curl", ["-sSN", "--noproxy", "*", ...args])
  t.after(() => child.kill("SIGKILL"))
  let text = ""
  const ended = once(child, "close")
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (piece) => (text += piece))
  return {
    kill: () => child.kill("SIGKILL"),
    async until(pattern: RegExp): Promise<string> {
      while (!pattern.test(text)) {
        if (child.exitCode !== null) throw new Error(`curl ended with ${child.exitCode} after ${text}`)
        await Promise.race([once(child.stdout, "data"), ended])
      }
      return text
    },
    async all(): Promise<string> {
      const [code] = (await ended) as [number | null]
      assert.equal(code, 0, text)
      return text
    },
  }
}

for (const version of ["--http1.1", "--http2"]) {
  test(`curl ${version} reads each token as it arrives, uploads 2 MB, resumes and stops`, { skip }, async (t) => {
    const provider = await createProvider(t)
    const folder = temporaryFolder(t)
    const { cert, key } = makeCertificate(folder)
    const args = ["--upstream", provider.url, "--upstream-max-request", "3MiB", "--tls-cert", cert, "--tls-key", key]
    const { port } = await serveOnward(t, { data: join(folder, "data"), args })
    const url = `https://127.0.0.1:${port}/v1/chat/completions`
    const common = [version, "--cacert", cert, "-H", "authorization: Bearer ann's"]

    // a body above 1 MB: over HTTP/1.1, curl sends it after 100 Continue
    const file = join(folder, "body.json")
    const image = "A".repeat(2 * 1024 ** 2)
    writeFileSync(file, JSON.stringify({ stream: true, messages: [{ role: "user", content: image }] }))
    const posted = ["-v", "-H", "content-type: application/json", "-d", `@${file}`]
    const asking = curl(t, [...common, ...posted, "-i", url])
    const call = await provider.call()
    assert.ok(call.body.includes(image))
    assert.equal(call.req.headers.expect, undefined)
    begin(call.res)
    chat.say(call.res, { content: "Once" })
    const head = await asking.until(/"content":"Once"/)
    assert.match(head, version === "--http2" ? /< HTTP\/2 200/ : /< HTTP\/1\.1 100 Continue[^]*< HTTP\/1\.1 200/)
    const [, run = ""] = /^onward-run: (run_\w+)/im.exec(head) ?? []
    const [, lastEventId = ""] = /^id: ?(\S+)/m.exec(head) ?? []
    asking.kill()

    chat.say(call.res, { content: " upon" })
    const resuming = curl(t, [...common, "-H", `last-event-id: ${lastEventId}`, `${url}/${run}`])
    const seen = await resuming.until(/ upon/)
    assert.doesNotMatch(seen, /Once/)
    const stopping = curl(t, [...common, "-X", "DELETE", `${url}/${run}`])
    assert.match(await stopping.all(), /"status":"stopped"/)
    assert.match(await resuming.all(), /run_stopped/)
    await call.gone

    // a body above the limit
    const large = join(folder, "large.json")
    writeFileSync(large, Buffer.alloc(4 * 1024 ** 2, " "))
    const refused = curl(t, [
      ...common,
      "-i",
      "-H",
      "content-type: application/json",
      "--data-binary",
      `@${large}`,
      url,
    ])
    assert.match(await refused.all(), / 413[^]*--upstream-max-request/)
    assert.equal(provider.calls.length, 1)
  })
}
