// A streamed response of a language model, requested once: after a cut the client resumes it by its last id.
import { stream } from "onward/client"

const answer = stream(process.env.URL ?? "http://localhost:3000", {
  // an object is sent as JSON, by POST
  body: { prompt: "Say something." },
  // called for each attempt, and once more after a 401
  headers: async () => ({ authorization: `Bearer ${process.env.TOKEN ?? "anonymous"}` }),
  // heartbeats arrive, but no text: the model has stalled
  eventTimeout: 30_000,
  onStatus(status) {
    if (status.state === "reconnecting") console.error(`${status.error.code}: again in ${Math.round(status.delay)} ms`)
  },
})

for await (const { data } of answer) process.stdout.write(`${data} `)
