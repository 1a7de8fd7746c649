import assert from "node:assert/strict"
import { test } from "node:test"
import { setTimeout as sleep } from "node:timers/promises"
import { checkBlocks } from "../../onward/test/check-blocks.ts"
import { publish, testServer } from "./server.ts"

test("onward serve sends no block without data on any of its streams, drained or by long polling", async (t) => {
  const { url, close } = await testServer(t, { demo: true, presence: ["*"] })
  const paths = ["/events?topic=a", "/events?topic=*", "/presence/events?topic=a", "/demo/log"]
  const texts = await Promise.all(
    paths.map(async (path) => {
      const response = await fetch(url + path)
      assert.equal(response.headers.get("content-type"), "text/event-stream; charset=utf-8", path)
      return response.text.bind(response)
    }),
  )
  const reading = texts.map((text) => text())
  const id = await publish(url, { topic: "a", data: "1" })
  await publish(url, { topic: "b", data: "2" })
  const piece = await (await fetch(`${url}/events?topic=*&transport=poll&last_event_id=${id}`)).text()
  // what is published before a close goes out before it
  await sleep(20)
  await close()
  for (const [i, text] of [...(await Promise.all(reading)), piece].entries()) {
    assert.match(text, /\nretry: \d+\n/, `stream ${i}`)
    checkBlocks(text)
  }
})
