// Loaded before tests on Node 22: what newer lines do by themselves.
import { register } from "node:module"

register(new URL("await-using.mjs", import.meta.url))

// its test runner ends a test that waits only for our timers, because they do not keep a process alive
if (process.argv[1]?.endsWith(".test.ts")) {
  const { after, before } = await import("node:test")
  let awake
  before(() => (awake = setInterval(() => {}, 60_000)))
  after(() => clearInterval(awake))
}
