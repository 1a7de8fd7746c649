import assert from "node:assert/strict"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { test, type TestContext } from "node:test"
import { setTimeout as sleep } from "node:timers/promises"
import { serveOnward, workersOf } from "../onward.ts"
import { temporaryFolder } from "../temporary-folder.ts"
import { startReceiver } from "./receiver.ts"

async function until(holds: () => boolean, explain: () => string): Promise<void> {
  for (let i = 0; !holds(); i++) {
    assert.ok(i < 3_000, explain())
    await sleep(20)
  }
}

/** Opens streams, each over a connection of its own, so that the workers take turns. */
async function openStreams(t: TestContext, url: string, users: readonly string[]): Promise<void> {
  const leaving = new AbortController()
  t.after(() => leaving.abort())
  for (const user of users) {
    await fetch(`${url}/events?topic=news&userId=${user}`, { headers: { connection: "close" }, signal: leaving.signal })
  }
}

test("SIGHUP gives all workers the new webhooks: whichever of them delivers uses the new URL, and a removed webhook is told nothing", async (t) => {
  const [first, second, removed] = [await startReceiver(t), await startReceiver(t), await startReceiver(t)]
  const folder = temporaryFolder(t)
  const path = join(folder, "onward.yaml")
  const hook = (name: string, url: string): object => ({
    ...{ name, url, events: ["stream.opened"], secret: "a".repeat(32), privateNetworks: ["127.0.0.1"] },
  })
  const write = (webhooks: readonly object[]): void => writeFileSync(path, JSON.stringify({ workers: 2, webhooks }))
  write([hook("app", first.url), hook("old", removed.url)])
  const onward = await serveOnward(t, { data: join(folder, "data"), args: ["--config", path] })
  const { url, child } = onward
  const explain = (): string => onward.printed()
  const told = ["a", "b", "c", "d"]
  await openStreams(t, url, told)
  await until(() => first.accepted().length === told.length && removed.accepted().length === told.length, explain)

  write([hook("app", second.url)])
  child.kill("SIGHUP")
  await until(() => /The configuration was reloaded: webhooks changed\./.test(onward.printed()), explain)
  // each worker reads the file itself, a moment later
  for (let i = 0; second.all.length === 0; i++) {
    await openStreams(t, url, [`probe ${i}`])
    await sleep(100)
  }
  const before = { first: first.all.length, removed: removed.all.length }
  const reaches = async (user: string): Promise<void> => {
    await openStreams(t, url, [user])
    await until(() => second.accepted().includes(`stream.opened ${user}`), explain)
  }
  for (const user of ["e", "f", "g"]) await reaches(user)

  // the worker that started first delivers: it ends, and another one goes on
  process.kill(workersOf(child.pid)[0] as number, "SIGTERM")
  await until(() => /ended with exit code 0/.test(onward.printed()), explain)
  for (const user of ["h", "i"]) await reaches(user)
  assert.deepEqual({ first: first.all.length, removed: removed.all.length }, before)
  assert.equal(onward.printed().match(/The configuration was reloaded/g)?.length, 1)
  child.kill("SIGTERM")
  assert.equal(await onward.ended, 0, explain())
})
