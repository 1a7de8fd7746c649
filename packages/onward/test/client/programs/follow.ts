// Has nothing to do but to follow a stream; closes it at the first event. Arguments: client, transport, URL. Says what happens, a line each.
import { EventSource, stream } from "../../../src/client/node.ts"
import { TRANSPORTS } from "../transports.ts"

const [, , client, transport = "", url = ""] = process.argv
const options = {
  fetch: TRANSPORTS[transport] as NonNullable<(typeof TRANSPORTS)[string]>,
  retry: { base: 100, max: 100 },
}

process.on("exit", (code) => console.log(`exit ${code}`))

if (client === "EventSource") {
  const source = new EventSource(url, { ...options, reconnectionTime: 0 })
  source.addEventListener("error", ({ error }) => console.log(error?.code))
  source.addEventListener("message", ({ data }) => {
    console.log(data)
    source.close()
  })
} else {
  const events = stream(url, {
    ...options,
    onStatus: (status) => status.state === "reconnecting" && console.log(status.error.code),
  })
  for await (const { data } of events) {
    console.log(data)
    break
  }
}
