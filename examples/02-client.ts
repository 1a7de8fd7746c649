// The client, in browsers and in Node: it carries on over cuts, sleep and deploys until the server says it is over, or you leave the loop.
import { stream } from "onward/client"

const events = stream(process.env.URL ?? "http://localhost:3000", {
  // said only when something is gone for good: retention removed it, or the log was made anew
  onGap: (gap) => console.log("missed", gap),
})

for await (const event of events) {
  if (event.event === "tick") console.log(event.id, event.json())
}
