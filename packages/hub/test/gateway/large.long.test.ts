import { test } from "node:test"
import { testServer } from "../server.ts"
import { createProvider } from "./provider.ts"
import { nats, postgres, redis, shareImage, sqlite } from "./share.ts"

for (const { name, missing, start } of [sqlite, redis, postgres, nats]) {
  test(`an image of 25 MB passes two gateways that share a log in ${name}`, { skip: missing }, async (t) => {
    const provider = await createProvider(t)
    const log = await start(t)
    const one = await testServer(t, { log, upstream: provider })
    const two = await testServer(t, { log, upstream: provider })
    await shareImage(provider, { asked: one.url, other: two.url, bytes: 25 * 1024 ** 2 })
  })
}
