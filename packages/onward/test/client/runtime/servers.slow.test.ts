import assert from "node:assert/strict"
import { rmSync } from "node:fs"
import { after, before, test } from "node:test"
import { runtimeOf, RUNTIMES } from "../../../../../scripts/runtime.ts"
import { stream } from "../../../src/client/node.ts"
import { eventually } from "../../adapters/exchange.ts"
import { SERVERS } from "./launch.ts"
import { createProject } from "./project.ts"

let folder: string

before(() => {
  folder = createProject()
})

after(() => rmSync(folder, { recursive: true }))

for (const [name, version] of Object.entries(RUNTIMES)) {
  const program = runtimeOf(name)
  const skip = program === undefined && `${name} was not fetched: npm run runtimes does that`
  test(
    `${name} ${version} serves a hub as installed: history, new events, resume, and clients that disconnect`,
    { skip },
    async (t) => {
      const server = await SERVERS[name]?.(program as string, folder)
      assert.ok(server)
      t.after(() => server.close())
      const publish = async (data: string): Promise<void> => {
        const response = await fetch(server.url, { method: "POST", body: data })
        assert.equal(response.status, 200, await response.text())
      }
      const connections = async (): Promise<number> => {
        const stats = (await (await fetch(`${server.url}stats`)).json()) as { connections: number }
        return stats.connections
      }
      await publish("kept")
      const events = stream(server.url)
      assert.equal((await events.next()).value?.data, "kept")
      const coming = events.next()
      await publish("größer 😀")
      assert.equal((await coming).value?.data, "größer 😀")
      const { lastEventId } = events
      events.close()
      await publish("missed")
      const resumed = stream(server.url, { lastEventId })
      assert.equal((await resumed.next()).value?.data, "missed")
      let most = 0
      for (let clients = 0; clients < 3; clients++) {
        const more = stream(server.url)
        await more.next()
        most = await connections()
        more.close()
      }
      assert.ok(most >= 2, "its streams are counted")
      resumed.close()
      let left = most
      void (async () => {
        while (left > 0) left = await connections()
      })()
      await eventually("all that left to be noticed", () => left === 0)
    },
  )
}
