import assert from "node:assert/strict"
import { test } from "node:test"
import { createHub } from "../../src/hub/index.ts"
import { durationOf } from "../../src/options.ts"
import { answerStream } from "../../src/server/index.ts"

test("an unknown option is a TypeError that lists the known ones", () => {
  const hub = createHub()
  const slips: [() => unknown, RegExp][] = [
    [
      () => createHub({ hearbeat: 1 } as object),
      /createHub has no option "hearbeat". Did you mean "heartbeat"\? Its options are log, events/,
    ],
    [
      () => createHub({ limits: { connection: 1 } as object }),
      /limits has no option "connection". Did you mean "connections"\?/,
    ],
    [() => hub.subscribe({ topic: "a" } as object), /subscribe has no option "topic". Did you mean "topics"\?/],
    [
      () =>
        answerStream(
          { method: "GET", url: "/", header: () => undefined, onLeave: () => () => {} },
          (async function* () {})(),
          { ends: 1 } as object,
        ),
      /sse has no option "ends"/,
    ],
  ]
  for (const [slip, message] of slips) assert.throws(slip, { name: "TypeError", message })
})

test("an invalid duration is a TypeError, and an absent one is the default", () => {
  for (const wrong of [Number.NaN, 0, -1, "1", null]) {
    assert.throws(() => durationOf("heartbeat", wrong as number, 1), { name: "TypeError" })
    assert.throws(() => createHub({ heartbeat: wrong as number }), { name: "TypeError" })
  }
  assert.equal(durationOf("maxAge", undefined, Infinity), Infinity)
  assert.equal(durationOf("maxAge", 5, Infinity), 5)
})
