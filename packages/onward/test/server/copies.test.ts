import assert from "node:assert/strict"
import { cp, mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { pathToFileURL } from "node:url"
import type * as Library from "onward"
import { sse } from "onward/web"
import { packageRoot } from "../house/imports.ts"

test("a hub of another copy of the library is streamed too, because bundlers and reloads create copies", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "onward-copy-"))
  t.after(() => rm(folder, { recursive: true }))
  await cp(join(packageRoot, "src"), join(folder, "src"), { recursive: true })
  await cp(join(packageRoot, "package.json"), join(folder, "package.json"))
  const { createHub } = (await import(pathToFileURL(join(folder, "src/index.ts")).href)) as typeof Library
  const hub = createHub({ limits: { connections: 1 } })
  t.after(() => hub.close())
  const ask = (): Promise<Response> => sse(new Request("http://localhost/?last=1"), hub.subscribe({ topics: ["a"] }))
  await hub.publish({ topic: "a", data: "from the other copy" })
  const response = await ask()
  assert.equal(response.status, 200)
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  let text = ""
  while (!text.includes("from the other copy")) text += new TextDecoder().decode((await reader.read()).value)
  assert.equal((await ask()).status, 503, "and its refusals are understood")
  await reader.cancel()
})
