import { freshTopic, type Check } from "../check.ts"
import { must, read } from "../reader.ts"
import { createRelay } from "../relay.ts"

const EACH = 10

/** Events are published before, during and after each interruption: every one must come, once and in order. */
export const resume: Check = {
  title: "client cut, proxy killed and restarted, server cut",
  use: "plain",
  async run(stage) {
    const { origin, proxy } = stage
    const topic = freshTopic()
    const relay = await createRelay(proxy.port)
    stage.after(relay.close)
    const reader = read(stage, `${relay.url}/usual?topic=${topic}`)
    let published = 0

    async function publish(): Promise<void> {
      for (let i = 0; i < EACH; i++) await origin.hubs.usual.publish({ topic, data: String(published++) })
    }

    await must("the stream opens", () => reader.opens === 1)
    for (const interrupt of [
      async () => relay.cut(),
      async () => {
        await proxy.kill()
        await publish()
        await proxy.restart()
      },
      async () => origin.cut(),
    ]) {
      const { opens } = reader
      await publish()
      await must("events come", () => reader.data.length > 0)
      await interrupt()
      await publish()
      await must("the client is back", () => reader.opens > opens)
    }
    await publish()
    await origin.hubs.usual.publish({ topic, data: "end" })
    await must("the stream ends", () => reader.ending === "end")
    const expected = [...Array.from({ length: published }, (_, i) => String(i)), "end"]
    const isExact = JSON.stringify(reader.data) === JSON.stringify(expected)
    return isExact ? "each event once" : `got ${reader.data.join(" ")}`
  },
}
