// A framework that keeps nothing of a request but the controller of its signal: is a stream still told when that is aborted?
import { createHub } from "onward"
import { sse } from "onward/web"

const { gc } = globalThis as { gc?: () => void }
const hub = createHub()
const gone = new AbortController()
const response = await sse(new Request("http://localhost/", { signal: gone.signal }), hub.subscribe({ topics: ["a"] }))
const reader = response.body?.getReader()
await reader?.read()
for (let i = 0; i < 5; i++) {
  gc?.()
  await new Promise((resolve) => setTimeout(resolve, 5))
}
const before = hub.stats().connections
gone.abort()
await new Promise((resolve) => setTimeout(resolve, 5))
console.log(`${before} before, ${hub.stats().connections} after`)
await reader?.cancel().catch(() => {})
