import { freshTopic, inStep, type Check } from "../check.ts"
import { must, read, type Reader } from "../reader.ts"
import type { Stage } from "../stage.ts"

/** Two users ask for the same URL, told apart by a cookie, which the cache is made to ignore. */
export const caching: Check = {
  title: "a cache configured to keep everything possible",
  use: "caching",
  async run(stage) {
    const { origin } = stage
    const hub = origin.hubs.usual
    await checkThatItCaches(stage)
    const alice = freshTopic()
    const bob = freshTopic()
    const first = ask(stage, alice)
    await must("Alice's stream opens", () => first.opens === 1)
    const beside = ask(stage, bob)
    await must("Bob's opens while Alice's is", () => beside.opens === 1)
    await inStep(hub, alice, 3, [first])
    await hub.publish({ topic: alice, data: "end" })
    await must("Alice's is over, and could be kept", () => first.ending === "end")
    const later = ask(stage, bob)
    await must("Bob's opens after it", () => later.opens === 1)
    const count = await inStep(hub, bob, 3, [beside, later])
    const isOwn = [beside, later].every(({ data }) => data.join() === "1,2,3")
    return count === 3 && isOwn ? "no byte of another user" : `gives ${beside.data.join()} and ${later.data.join()}`
  },
}

const ask = (stage: Stage, topic: string): Reader =>
  read(stage, `${stage.proxy.url}/usual`, {
    // the client would ask for nothing kept by a cache; here it may be
    headers: { cookie: `topic=${topic}`, "cache-control": "max-age=3600" },
  })

/** A page without a word about caching is made once for two users, or the rest would prove nothing. */
async function checkThatItCaches({ origin, proxy }: Stage): Promise<void> {
  for (const topic of ["alice", "bob"]) {
    const response = await fetch(`${proxy.url}/page`, { headers: { cookie: `topic=${topic}` } })
    await response.text()
  }
  if (origin.pages !== 1) throw new Error(`the cache keeps nothing: the page was made ${origin.pages} times`)
}
