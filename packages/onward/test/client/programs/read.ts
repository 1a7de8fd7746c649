// Reads a stream to its end, in a process of its own, and reports what that took. Arguments: client, transport, URL.
import { EventSource, stream } from "../../../src/client/node.ts"
import { TRANSPORTS } from "../transports.ts"

const [, , client, transport = "", url = ""] = process.argv
const fetch = TRANSPORTS[transport]
const options = fetch ? { fetch } : {}
let length = 0
let code: string | undefined

if (client === "EventSource") {
  const source = new EventSource(url, options)
  source.addEventListener("message", ({ data }) => (length += data.length))
  await new Promise<void>((resolve) => {
    source.addEventListener("error", ({ error }) => {
      code = error?.code
      source.close()
      resolve()
    })
  })
} else {
  try {
    for await (const { data } of stream(url, { ...options, retry: false })) length += data.length
  } catch (error) {
    code = (error as { code?: string }).code
  }
}
console.log(JSON.stringify({ length, code, memory: process.resourceUsage().maxRSS * 1024 }))
