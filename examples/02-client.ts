// What a browser runs; nothing to install. In Node: node --experimental-eventsource 02-client.ts
const source = new EventSource(process.env.URL ?? "http://localhost:3000")

source.addEventListener("tick", ({ data, lastEventId }) => {
  console.log(lastEventId, JSON.parse(data))
})

// Said only when something is gone for good: retention removed it, or the log was made anew.
source.addEventListener("stream.gap", ({ data }) => {
  console.log("missed", JSON.parse(data))
})
