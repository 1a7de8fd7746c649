// The client, in browsers and in Node: it resumes after cuts, sleep and deploys until the server ends the stream or you leave the loop.
import { stream } from "onward/client"

const events = stream(process.env.URL ?? "http://localhost:3000", {
  // called only when events are permanently lost: trimmed by retention, or the log was recreated
  onGap: (gap) => console.log("missed", gap),
})

for await (const event of events) {
  if (event.event === "tick") console.log(event.id, event.json())
}
