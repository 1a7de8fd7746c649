import { suite, test } from "node:test"
import { runInTime, vectors } from "./run-vector.ts"
import { TRANSPORTS } from "./transports.ts"

/** By the machine's clock 60 ms may be too short to begin, and waits of 120 ms longer than the 200 they must stay below. */
const NEED_EXACT_TIME = new Set(["C041", "C059"])

for (const [transport, fetch] of Object.entries(TRANSPORTS)) {
  suite(`over ${transport}, by the machine's clock`, { concurrency: true }, () => {
    for (const vector of vectors) {
      if (NEED_EXACT_TIME.has(vector.id)) continue
      test(`${vector.id} ${vector.name}: ${vector.why}`, async (t) => runInTime(t, vector, fetch))
    }
  })
}
