import assert from "node:assert/strict"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { test, type TestContext } from "node:test"
import { setTimeout as sleep } from "node:timers/promises"
import { runOnward, serveOnward, type Listening, type Onward } from "../onward.ts"
import { temporaryFolder } from "../temporary-folder.ts"
import { AUDIENCE, bearer, ISSUER, PUBLISH_KEY, SECRET, signToken } from "./tokens.ts"

const NEW_KEY = "ok_the-new-key-of-more-than-32-characters"

interface Configured extends Listening {
  /** Writes another configuration and waits until the hub has said what it makes of it. */
  reload(auth: object): Promise<void>
}

/** Waits a little for output. Throws if the hub has ended. */
async function waitFor({ child, printed }: Onward): Promise<void> {
  assert.equal(child.exitCode ?? child.signalCode, null, printed())
  await sleep(20)
}

async function serve(t: TestContext, auth: object, args: readonly string[] = []): Promise<Configured> {
  const data = temporaryFolder(t)
  const file = join(data, "onward.yaml")
  const write = (next: object): void => writeFileSync(file, JSON.stringify({ auth: next }))
  write(auth)
  const onward = await serveOnward(t, { data, args: ["--config", file, ...args] })
  return {
    ...onward,
    async reload(next) {
      const before = onward.printed().length
      write(next)
      onward.child.kill("SIGHUP")
      while (!/was (?:not )?reloaded/.test(onward.printed().slice(before))) await waitFor(onward)
    },
  }
}

const publishStatus = async (url: string, key: string): Promise<number> => {
  const body = new URLSearchParams({ topic: "a", data: "x" })
  return (await fetch(`${url}/publish`, { method: "POST", headers: bearer(key), body })).status
}

const optionsWith = (key: string, subscribe: string[]): object => ({
  keys: [{ name: "backend", key }],
  issuers: [{ issuer: ISSUER, audience: AUDIENCE, secret: SECRET }],
  permissions: [{ subscribe }],
})

test("at SIGHUP keys are replaced, and a stream that is no longer granted ends", async (t) => {
  const { url, reload, printed } = await serve(t, optionsWith(PUBLISH_KEY, ["room/{sub}"]))
  const headers = bearer(await signToken())
  const stream = await fetch(`${url}/events?topic=room/ada`, { headers })
  const ended = stream.text()
  assert.equal(await publishStatus(url, PUBLISH_KEY), 200)
  await reload(optionsWith(NEW_KEY, ["lobby"]))
  assert.match(printed(), /was reloaded: auth\.keys, auth\.permissions changed/)
  await ended
  assert.equal((await fetch(`${url}/events?topic=room/ada`, { headers })).status, 403)
  assert.equal(await publishStatus(url, PUBLISH_KEY), 401)
  assert.equal(await publishStatus(url, NEW_KEY), 200)
})

for (const args of [[], ["--workers", "2"]]) {
  test(`a SIGHUP that arrives while the hub starts ${args.join(" ")} is handled when it listens`, async (t) => {
    const data = temporaryFolder(t)
    const file = join(data, "onward.yaml")
    writeFileSync(file, JSON.stringify({ auth: optionsWith(PUBLISH_KEY, []) }))
    // it warns of this variable before it opens its log
    const env = { ONWARD_TEST_UNKNOWN_VARIABLE: "1" }
    const onward = runOnward(t, ["serve", "--data", data, "--port", "0", "--config", file, ...args], env)
    while (!/There is no setting for/.test(onward.printed())) await waitFor(onward)
    onward.child.kill("SIGHUP")
    while (!/was reloaded/.test(onward.printed())) await waitFor(onward)
    assert.match(onward.printed(), /listens on/)
  })
}

test("an invalid configuration of authentication changes nothing at SIGHUP", async (t) => {
  const { url, reload, printed } = await serve(t, optionsWith(PUBLISH_KEY, []), ["--workers", "2"])
  await reload({ ...optionsWith(NEW_KEY, []), permissions: [{ subscribe: ["a/{}"] }] })
  assert.match(printed(), /was not reloaded\. The hub keeps the previous one\. auth\.permissions\[0\]/)
  assert.equal(await publishStatus(url, PUBLISH_KEY), 200)
  assert.equal(await publishStatus(url, NEW_KEY), 401)
})
