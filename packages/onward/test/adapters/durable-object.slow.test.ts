import assert from "node:assert/strict"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { stream } from "onward/client"
import { missing } from "./runtime-servers.ts"
import { startWorkerd } from "../client/runtime/workerd.ts"
import { runtimeOf } from "../../../../scripts/runtime.ts"

test(
  "examples/15: in workerd, clients of a Durable Object receive messages of other clients, and resume",
  { skip: missing("workerd") },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "onward-worker-"))
    t.after(() => rmSync(folder, { recursive: true }))
    const example = new URL("../../../../examples/15-durable-object.ts", import.meta.url).pathname
    const options = { conditions: ["onward-source"], durableObject: "Feed" }
    const { url, close } = await startWorkerd(runtimeOf("workerd") as string, folder, example, options)
    t.after(close)
    const publish = async (path: string, body: string): Promise<string> =>
      ((await (await fetch(`${url}${path}`, { method: "POST", body })).json()) as { id: string }).id

    const lastEventId = await publish("red", "first")
    await publish("red", "second")
    await publish("blue", "of another feed")
    const readers = [1, 2].map(() => stream(`${url}red`, { lastEventId }))
    for (const reader of readers) assert.equal((await reader.next()).value?.data, "second")
    await publish("red", "live")
    for (const reader of readers) assert.equal((await reader.next()).value?.data, "live")
    for (const reader of readers) reader.close()
  },
)
