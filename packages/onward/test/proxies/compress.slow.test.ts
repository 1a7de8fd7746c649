import assert from "node:assert/strict"
import { test } from "node:test"
import { CODINGS } from "../node/compressed.ts"
import { freshTopic, inStep } from "./check.ts"
import { createOrigin } from "./origin.ts"
import { must, read } from "./reader.ts"
import type { Setup } from "./setup.ts"
import { lighttpd } from "./setups/lighttpd.ts"
import { varnish } from "./setups/varnish.ts"
import { setups } from "./setups.ts"
import { missing, start } from "./start.ts"

/** By default Varnish asks for gzip on behalf of every client, and holds what it decompresses for those that do not accept it. */
const plainVarnish: Setup = {
  ...varnish,
  name: "Varnish with `-p http_gzip_support=off`",
  launch(site) {
    const launch = varnish.launch(site)
    return { ...launch, args: [...launch.args, "-p", "http_gzip_support=off"] }
  },
}

/** lighttpd by default holds every stream. */
const passing = [...setups.filter((setup) => setup !== varnish && setup !== lighttpd), plainVarnish]

for (const coding of CODINGS) {
  for (const setup of passing) {
    test(
      `${setup.name} forwards a stream that the server compresses by ${coding}, event by event`,
      { skip: missing(setup) },
      async (t) => {
        const origin = await createOrigin()
        t.after(() => origin.close())
        const proxy = await start(setup, "plain", origin.port)
        t.after(() => proxy.close())
        const topic = freshTopic()
        const after = (end: () => void): void => t.after(end)
        const headers = { "accept-encoding": coding }
        const reader = read({ after }, `${proxy.url}/usual?compress&topic=${topic}`, { headers })
        await must("the stream opens", () => reader.opens === 1)
        await must("the stream is live", () => origin.hubs.usual.stats().live === 1)
        assert.equal(await inStep(origin.hubs.usual, topic, 10, [reader]), 10)
        assert.equal(reader.encoding, coding)
      },
    )
  }
}
