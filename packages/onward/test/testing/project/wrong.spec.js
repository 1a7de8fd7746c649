// Expectations that are wrong: a runner under which these pass proves nothing.
import { createHub } from "onward"
import { sse } from "onward/node"
import { connect } from "onward/testing"

const hub = createHub()
const handler = (req, res) => sse(req, res, hub.subscribe({ topics: ["news"] }))

test("expects another event", async () => {
  const reader = await connect(handler)
  await hub.publish({ topic: "news", data: "what was published" })
  expect((await reader.next()).data).toBe("what was not")
})

test("expects an event that never arrives", async () => {
  const reader = await connect(handler)
  await reader.next()
})
