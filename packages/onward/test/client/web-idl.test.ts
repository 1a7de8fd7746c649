import assert from "node:assert/strict"
import { test } from "node:test"
import { EventSource as BrowserEventSource } from "../../src/client/index.ts"
import { EventSource as NodeEventSource } from "../../src/client/node.ts"

const CONSTANTS = [
  ["CONNECTING", 0],
  ["OPEN", 1],
  ["CLOSED", 2],
] as const

for (const [build, EventSource] of Object.entries({ browser: BrowserEventSource, node: NodeEventSource })) {
  test(`the constants of an EventSource cannot be changed, as Web IDL says, in the ${build} build`, () => {
    for (const [name, value] of CONSTANTS) {
      assert.equal(EventSource[name], value)
      assert.equal(EventSource.prototype[name], value)
      for (const target of [EventSource, EventSource.prototype]) {
        assert.throws(() => Object.assign(target, { [name]: 7 }), TypeError)
      }
    }
    for (const target of [BrowserEventSource, BrowserEventSource.prototype]) {
      for (const [name, value] of CONSTANTS) {
        const expected = { value, writable: false, enumerable: true, configurable: false }
        assert.deepEqual(Object.getOwnPropertyDescriptor(target, name), expected)
      }
    }
  })

  test(`libraries can see that an EventSource takes a fetch, in the ${build} build`, () => {
    assert.equal(Reflect.get(EventSource, Symbol.for("eventsource.supports-fetch-override")), true)
    assert.equal(Object.keys(EventSource).includes("eventsource.supports-fetch-override"), false)
  })
}
