// An answer that is streamed, as models do. It is asked for once: after a cut it is carried on by its last id, not asked for again.
import { stream } from "onward/client"

const answer = stream(process.env.URL ?? "http://localhost:3000", {
  // an object is sent as JSON, by POST
  body: { prompt: "Say something." },
  // asked for each attempt, and once more when the answer is 401
  headers: async () => ({ authorization: `Bearer ${process.env.TOKEN ?? "anonymous"}` }),
  // heartbeats may come, but no words: the model has stalled
  eventTimeout: 30_000,
  onStatus(status) {
    if (status.state === "reconnecting") console.error(`${status.error.code}: again in ${Math.round(status.delay)} ms`)
  },
})

for await (const { data } of answer) process.stdout.write(`${data} `)
