// Loaded before tests on Node 22: adds what newer versions have.
import { register } from "node:module"

register(new URL("await-using.mjs", import.meta.url))

// the test runner of Node 22 ends a test that waits only for timers of the library, which do not keep a process alive
if (process.argv[1]?.endsWith(".test.ts")) {
  const { after, before } = await import("node:test")
  let awake
  before(() => (awake = setInterval(() => {}, 60_000)))
  after(() => clearInterval(awake))
}
